import { once } from "node:events";
import { WebSocket } from "ws";

/** Memory of another Node process, in bytes. */
export interface ProcessMemory {
  readonly rss: number;
  /** What the heap and the buffers outside of it hold after a collection. */
  readonly held: number;
}

/** Asks a process that was started with `--inspect=127.0.0.1:0`; `url` is what it printed. */
export async function readMemory(url: string): Promise<ProcessMemory> {
  const socket = new WebSocket(url);
  await once(socket, "open");
  let calls = 0;
  const call = async (method: string, params: object = {}): Promise<Record<string, unknown>> => {
    const id = ++calls;
    const answer = new Promise<Record<string, unknown>>((resolve) => {
      socket.on("message", (data) => {
        const message = JSON.parse(String(data));
        if (message.id === id) resolve(message.result);
      });
    });
    socket.send(JSON.stringify({ id, method, params }));
    return answer;
  };
  // The second one frees what finalizers of the first one let go.
  await call("HeapProfiler.collectGarbage");
  await call("HeapProfiler.collectGarbage");
  const expression = "JSON.stringify(process.memoryUsage())";
  const { result } = (await call("Runtime.evaluate", { expression })) as {
    result: { value: string };
  };
  socket.close();
  const { rss, heapUsed, external } = JSON.parse(result.value) as NodeJS.MemoryUsage;
  return { rss, held: heapUsed + external };
}
