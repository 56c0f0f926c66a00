/* A Vulkan program for tests: a window whose colour follows its clock, one frame after the other. */
#define VK_USE_PLATFORM_XLIB_KHR
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <vulkan/vulkan.h>

#define CHECK(call) \
  do { \
    VkResult result_ = (call); \
    if (result_ != VK_SUCCESS && result_ != VK_SUBOPTIMAL_KHR) { \
      fprintf(stderr, "%s: %d\n", #call, result_); \
      exit(1); \
    } \
  } while (0)

enum { WIDTH = 160, HEIGHT = 120, MAX_IMAGES = 8 };

static Display *display;
static VkInstance instance;
static VkPhysicalDevice physical;
static VkDevice device;
static VkQueue queue;
static VkSurfaceKHR surface;
static VkSwapchainKHR swapchain;
static VkImage images[MAX_IMAGES];
static VkCommandBuffer commands;
static VkFence fence;

static void open_window(void) {
  display = XOpenDisplay(NULL);
  if (display == NULL) exit(2);
  XSetWindowAttributes attributes = {.override_redirect = True};
  Window window = XCreateWindow(display, DefaultRootWindow(display), 0, 0, WIDTH, HEIGHT, 0, CopyFromParent, InputOutput,
                                CopyFromParent, CWOverrideRedirect, &attributes);
  XMapWindow(display, window);
  XSync(display, False);
  VkXlibSurfaceCreateInfoKHR wanted = {VK_STRUCTURE_TYPE_XLIB_SURFACE_CREATE_INFO_KHR, NULL, 0, display, window};
  CHECK(vkCreateXlibSurfaceKHR(instance, &wanted, NULL, &surface));
}

static void open_device(void) {
  const char *of_instance[] = {"VK_KHR_surface", "VK_KHR_xlib_surface"}, *of_device[] = {"VK_KHR_swapchain"};
  VkInstanceCreateInfo wanted = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .enabledExtensionCount = 2,
                                 .ppEnabledExtensionNames = of_instance};
  CHECK(vkCreateInstance(&wanted, NULL, &instance));
  uint32_t one = 1;
  VkResult result = vkEnumeratePhysicalDevices(instance, &one, &physical);
  if (one == 0 || (result != VK_SUCCESS && result != VK_INCOMPLETE)) exit(3);
  float priority = 1;
  VkDeviceQueueCreateInfo queues = {VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, NULL, 0, 0, 1, &priority};
  VkDeviceCreateInfo settings = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, .queueCreateInfoCount = 1,
                                 .pQueueCreateInfos = &queues, .enabledExtensionCount = 1,
                                 .ppEnabledExtensionNames = of_device};
  CHECK(vkCreateDevice(physical, &settings, NULL, &device));
  vkGetDeviceQueue(device, 0, 0, &queue);
}

static void open_swapchain(void) {
  VkBool32 supported = VK_FALSE;
  CHECK(vkGetPhysicalDeviceSurfaceSupportKHR(physical, 0, surface, &supported));
  VkSwapchainCreateInfoKHR wanted = {
      .sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR, .surface = surface, .minImageCount = 3,
      .imageFormat = VK_FORMAT_B8G8R8A8_UNORM, .imageColorSpace = VK_COLOR_SPACE_SRGB_NONLINEAR_KHR,
      .imageExtent = {WIDTH, HEIGHT}, .imageArrayLayers = 1, .imageUsage = VK_IMAGE_USAGE_TRANSFER_DST_BIT,
      .preTransform = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR, .compositeAlpha = VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR,
      .presentMode = VK_PRESENT_MODE_FIFO_KHR, .clipped = VK_TRUE};
  CHECK(vkCreateSwapchainKHR(device, &wanted, NULL, &swapchain));
  uint32_t count = MAX_IMAGES;
  CHECK(vkGetSwapchainImagesKHR(device, swapchain, &count, images));
  VkCommandPoolCreateInfo pool_wanted = {VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO, NULL,
                                         VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT, 0};
  VkCommandPool pool;
  CHECK(vkCreateCommandPool(device, &pool_wanted, NULL, &pool));
  VkCommandBufferAllocateInfo buffer = {VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO, NULL, pool,
                                        VK_COMMAND_BUFFER_LEVEL_PRIMARY, 1};
  CHECK(vkAllocateCommandBuffers(device, &buffer, &commands));
  VkFenceCreateInfo fence_wanted = {VK_STRUCTURE_TYPE_FENCE_CREATE_INFO, NULL, 0};
  CHECK(vkCreateFence(device, &fence_wanted, NULL, &fence));
}

static void wait_for_fence(void) {
  CHECK(vkWaitForFences(device, 1, &fence, VK_TRUE, UINT64_MAX));
  CHECK(vkResetFences(device, 1, &fence));
}

static void move(VkImage image, VkImageLayout from, VkImageLayout to) {
  VkImageMemoryBarrier barrier = {
      .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER, .oldLayout = from, .newLayout = to,
      .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED, .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED, .image = image,
      .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1}};
  vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, NULL, 0,
                       NULL, 1, &barrier);
}

static void show(int frame, double ms) {
  uint32_t index;
  CHECK(vkAcquireNextImageKHR(device, swapchain, UINT64_MAX, VK_NULL_HANDLE, fence, &index));
  wait_for_fence();
  VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  CHECK(vkBeginCommandBuffer(commands, &begin));
  VkClearColorValue colour = {.float32 = {(float)(frame % 256) / 255, (float)((int)(ms + 0.5) % 256) / 255, 0.5F, 1}};
  VkImageSubresourceRange all = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
  move(images[index], VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
  vkCmdClearColorImage(commands, images[index], VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, &colour, 1, &all);
  move(images[index], VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, VK_IMAGE_LAYOUT_PRESENT_SRC_KHR);
  CHECK(vkEndCommandBuffer(commands));
  VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &commands};
  CHECK(vkQueueSubmit(queue, 1, &submit, fence));
  wait_for_fence();
  VkPresentInfoKHR present = {.sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR, .swapchainCount = 1,
                              .pSwapchains = &swapchain, .pImageIndices = &index};
  CHECK(vkQueuePresentKHR(queue, &present));
}

int main(void) {
  open_device();
  open_window();
  open_swapchain();
  struct timespec first, now;
  clock_gettime(CLOCK_MONOTONIC, &first);
  for (int frame = 0;; frame++) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    show(frame, (double)(now.tv_sec - first.tv_sec) * 1000 + (double)(now.tv_nsec - first.tv_nsec) / 1e6);
  }
}
