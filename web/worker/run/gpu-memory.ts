// The GPU memory that ONNX Runtime holds, by the buffers that it makes: no browser tells it. Also
// makes Firefox look for finished work, which it does by itself only every 100 ms.

type Destroyable = Pick<GPUBuffer, 'destroy' | 'size'>;

export class GpuMemory {
  /** Bytes of live buffers; null until there was a device. */
  bytes: number | null = null;
  /** Buffers that are dropped without destroy() count until they are collected. */
  private readonly collected = new FinalizationRegistry<{ left: number }>((buffer) =>
    this.release(buffer),
  );

  /** Counts what this device makes from now on. */
  watch(device: Pick<GPUDevice, 'createBuffer'>): void {
    this.bytes ??= 0;
    const create = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      const buffer = create(descriptor);
      this.count(buffer);
      return buffer;
    };
  }

  private count(buffer: Destroyable): void {
    const entry = { left: buffer.size };
    this.bytes = (this.bytes ?? 0) + entry.left;
    this.collected.register(buffer, entry);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      this.release(entry);
      return destroy();
    };
  }

  private release(entry: { left: number }): void {
    this.bytes = (this.bytes ?? 0) - entry.left;
    entry.left = 0;
  }
}

const kNudge = 2; // ms

/**
 * Firefox (153) sees that the GPU is done when something is submitted, or every 100 ms: so each
 * readback took that long. While one is awaited, empty work is submitted.
 */
export function hastenReadback(device: Pick<GPUDevice, 'createBuffer' | 'queue'>): void {
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    if ((descriptor.usage & GPUBufferUsage.MAP_READ) === 0) return buffer;
    const map = buffer.mapAsync.bind(buffer);
    buffer.mapAsync = async (...range) => {
      const timer = setInterval(() => device.queue.submit([]), kNudge);
      try {
        return await map(...range);
      } finally {
        clearInterval(timer);
      }
    };
    return buffer;
  };
}
