/* A stand-in for SDL's presents; the renderer's calls the window's, as a nested present. */
static int calls;

int SDL_UpdateWindowSurface(void *window);
int SDL_UpdateWindowSurface(void *window) {
  (void)window;
  return ++calls;
}
void SDL_RenderPresent(void *renderer);
void SDL_RenderPresent(void *renderer) { SDL_UpdateWindowSurface(renderer); }
void SDL_GL_SwapWindow(void *window);
void SDL_GL_SwapWindow(void *window) { SDL_UpdateWindowSurface(window); }
int SDL_Flip(void *surface);
int SDL_Flip(void *surface) { return SDL_UpdateWindowSurface(surface); }
int SDL_UpdateWindowSurfaceRects(void *window, const void *rects, int count);
int SDL_UpdateWindowSurfaceRects(void *window, const void *rects, int count) {
  (void)rects, (void)count;
  return SDL_UpdateWindowSurface(window);
}
void SDL_UpdateRect(void *surface, int x, int y, unsigned width, unsigned height);
void SDL_UpdateRect(void *surface, int x, int y, unsigned width, unsigned height) {
  (void)x, (void)y, (void)width, (void)height;
  SDL_UpdateWindowSurface(surface);
}
void SDL_UpdateRects(void *surface, int count, void *rects);
void SDL_UpdateRects(void *surface, int count, void *rects) {
  (void)count, (void)rects;
  SDL_UpdateWindowSurface(surface);
}
void SDL_GL_SwapBuffers(void);
void SDL_GL_SwapBuffers(void) { calls++; }
int SDL_GL_SetSwapInterval(int interval);
int SDL_GL_SetSwapInterval(int interval) { return interval ? -1 : -1; }
