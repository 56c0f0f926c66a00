/* A Windows game for tests: a ball that the pad moves, in a window drawn by GDI. START ends it with exit code 7.
 * It is paced by Sleep or, told `wait`, by a wait for an event that never comes; twice a second it says what its clocks show. */
#include <windows.h>
#include <xinput.h>
#include <math.h>
#include <mmsystem.h>
#include <stdio.h>
#include <string.h>

static LRESULT CALLBACK on_message(HWND window, UINT message, WPARAM w, LPARAM l) {
  if (message == WM_DESTROY) PostQuitMessage(0);
  return DefWindowProcA(window, message, w, l);
}

static volatile LONG ticks; /* of a thread beside the game's */

static DWORD WINAPI count_ticks(void *unused) {
  (void)unused;
  while (InterlockedIncrement(&ticks) < 1000000) Sleep(100);
  return 0;
}

int main(int count, char **arguments) {
  BOOL waits = count > 1 && strcmp(arguments[1], "wait") == 0;
  HANDLE never = CreateEventA(NULL, TRUE, FALSE, NULL);
  CreateThread(NULL, 0, count_ticks, NULL, 0, NULL);
  WNDCLASSA kind = {.lpfnWndProc = on_message, .hInstance = GetModuleHandleA(NULL), .lpszClassName = "toy"};
  RegisterClassA(&kind);
  HWND window = CreateWindowA("toy", "toy", WS_POPUP | WS_VISIBLE, 0, 0, 320, 180, NULL, NULL, kind.hInstance, NULL);
  ShowWindow(window, SW_SHOW);
  HDC screen = GetDC(window), canvas = CreateCompatibleDC(screen);
  SelectObject(canvas, CreateCompatibleBitmap(screen, 320, 180));
  LARGE_INTEGER frequency, first, now;
  QueryPerformanceFrequency(&frequency);
  QueryPerformanceCounter(&first);
  DWORD first_ms = timeGetTime(), first_tick = GetTickCount();
  float x = 160, y = 90;
  for (int frame = 0;; frame++) {
    MSG message;
    while (PeekMessageA(&message, NULL, 0, 0, PM_REMOVE)) {
      if (message.message == WM_QUIT) return 0;
      DispatchMessageA(&message);
    }
    XINPUT_STATE pad = {0};
    int has_pad = XInputGetState(0, &pad) == ERROR_SUCCESS;
    if (has_pad && (pad.Gamepad.wButtons & XINPUT_GAMEPAD_START)) return 7;
    x = fmodf(x + 3 * pad.Gamepad.sThumbLX / 32768.0f + 320, 320);
    y = fmodf(y - 3 * pad.Gamepad.sThumbLY / 32768.0f + 180, 180);
    QueryPerformanceCounter(&now);
    long long us = (now.QuadPart - first.QuadPart) * 1000000 / frequency.QuadPart;
    RECT all = {0, 0, 320, 180}, ball = {(int)x - 8, (int)y - 8, (int)x + 8, (int)y + 8};
    int blue = !has_pad ? 0 : pad.Gamepad.wButtons & XINPUT_GAMEPAD_A ? 200 : 100;
    HBRUSH back = CreateSolidBrush(RGB(frame % 256, us / 1000 % 256, blue));
    FillRect(canvas, &all, back);
    DeleteObject(back);
    FillRect(canvas, &ball, (HBRUSH)GetStockObject(WHITE_BRUSH));
    BitBlt(screen, 0, 0, 320, 180, canvas, 0, 0, SRCCOPY);
    GdiFlush();
    if (frame % 30 == 0) {
      printf("frame %d: counter %lld us, timeGetTime %lu ms, GetTickCount %lu ms, thread %ld, pad %d\n", frame, us,
             timeGetTime() - first_ms, GetTickCount() - first_tick, ticks, has_pad);
      fflush(stdout);
    }
    if (waits)
      WaitForSingleObject(never, 16);
    else
      Sleep(16);
  }
}
