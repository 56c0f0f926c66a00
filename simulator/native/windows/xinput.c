/* The pad for Windows programs under Wine: an XInput that reads the shared page, so that input has no way to be late.
 *
 * Built by MinGW-w64 and given to Wine in the place of its own; the page is a file that Wine maps like any other.
 */
#include <windows.h>
#include <xinput.h>

#include "page.h"

#define EXPORT __declspec(dllexport)

static const volatile struct overplay_page *page;

static void map_page(void) {
  char path[MAX_PATH + 2] = "Z:";
  DWORD length = GetEnvironmentVariableA("OVERPLAY_PAGE", path + 2, MAX_PATH);
  if (length == 0 || length >= MAX_PATH) return;
  for (char *at = path; *at != '\0'; at++)
    if (*at == '/') *at = '\\';
  HANDLE file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) return;
  HANDLE mapping = CreateFileMappingA(file, NULL, PAGE_READONLY, 0, 0, NULL);
  if (mapping != NULL) page = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
  CloseHandle(file);
}

BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, LPVOID reserved) {
  (void)self, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) map_page();
  return TRUE;
}

static int has_pad(DWORD user) { return user == 0 && page != NULL && page->magic == OVERPLAY_MAGIC; }

/* y points up in XInput and down in the page. */
static SHORT up(LONG value) { return (SHORT)(value == -32768 ? 32767 : -value); }

static WORD buttons(uint32_t bits) {
  static const WORD codes[] = {
      [OVERPLAY_SOUTH] = XINPUT_GAMEPAD_A, [OVERPLAY_EAST] = XINPUT_GAMEPAD_B, [OVERPLAY_WEST] = XINPUT_GAMEPAD_X,
      [OVERPLAY_NORTH] = XINPUT_GAMEPAD_Y, [OVERPLAY_LEFT_SHOULDER] = XINPUT_GAMEPAD_LEFT_SHOULDER,
      [OVERPLAY_RIGHT_SHOULDER] = XINPUT_GAMEPAD_RIGHT_SHOULDER, [OVERPLAY_BACK] = XINPUT_GAMEPAD_BACK,
      [OVERPLAY_START] = XINPUT_GAMEPAD_START, [OVERPLAY_GUIDE] = 0x0400,
      [OVERPLAY_LEFT_THUMB] = XINPUT_GAMEPAD_LEFT_THUMB, [OVERPLAY_RIGHT_THUMB] = XINPUT_GAMEPAD_RIGHT_THUMB,
      [OVERPLAY_DPAD_UP] = XINPUT_GAMEPAD_DPAD_UP, [OVERPLAY_DPAD_DOWN] = XINPUT_GAMEPAD_DPAD_DOWN,
      [OVERPLAY_DPAD_LEFT] = XINPUT_GAMEPAD_DPAD_LEFT, [OVERPLAY_DPAD_RIGHT] = XINPUT_GAMEPAD_DPAD_RIGHT};
  WORD found = 0;
  for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++)
    if (bits >> i & 1) found |= codes[i];
  return found;
}

EXPORT DWORD WINAPI XInputGetState(DWORD user, XINPUT_STATE *state) {
  if (!has_pad(user)) return ERROR_DEVICE_NOT_CONNECTED;
  *state = (XINPUT_STATE){.dwPacketNumber = page->grant,
                          .Gamepad = {.wButtons = buttons(page->pad_buttons),
                                      .bLeftTrigger = (BYTE)page->pad_triggers[0],
                                      .bRightTrigger = (BYTE)page->pad_triggers[1],
                                      .sThumbLX = (SHORT)page->pad_axes[0], .sThumbLY = up(page->pad_axes[1]),
                                      .sThumbRX = (SHORT)page->pad_axes[2], .sThumbRY = up(page->pad_axes[3])}};
  return ERROR_SUCCESS;
}

EXPORT DWORD WINAPI XInputGetStateEx(DWORD user, XINPUT_STATE *state) { return XInputGetState(user, state); }

EXPORT DWORD WINAPI XInputSetState(DWORD user, XINPUT_VIBRATION *vibration) {
  (void)vibration;
  return has_pad(user) ? ERROR_SUCCESS : ERROR_DEVICE_NOT_CONNECTED;
}

EXPORT DWORD WINAPI XInputGetCapabilities(DWORD user, DWORD flags, XINPUT_CAPABILITIES *out) {
  (void)flags;
  if (!has_pad(user)) return ERROR_DEVICE_NOT_CONNECTED;
  *out = (XINPUT_CAPABILITIES){.Type = XINPUT_DEVTYPE_GAMEPAD, .SubType = XINPUT_DEVSUBTYPE_GAMEPAD,
                               .Gamepad = {0xf3ff, 0xff, 0xff, -1, -1, -1, -1}};
  return ERROR_SUCCESS;
}

EXPORT void WINAPI XInputEnable(BOOL on) { (void)on; }

EXPORT DWORD WINAPI XInputGetBatteryInformation(DWORD user, BYTE kind, XINPUT_BATTERY_INFORMATION *out) {
  (void)kind;
  if (!has_pad(user)) return ERROR_DEVICE_NOT_CONNECTED;
  *out = (XINPUT_BATTERY_INFORMATION){BATTERY_TYPE_WIRED, BATTERY_LEVEL_FULL};
  return ERROR_SUCCESS;
}

EXPORT DWORD WINAPI XInputGetKeystroke(DWORD user, DWORD reserved, PXINPUT_KEYSTROKE out) {
  (void)reserved, (void)out;
  return has_pad(user) ? ERROR_EMPTY : ERROR_DEVICE_NOT_CONNECTED;
}
