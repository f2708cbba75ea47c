// Runs a broker in a process of its own: argv[2] is the path of the built server module, argv[3] its options as JSON.
// Prints one line of JSON when it listens, answers calls over IPC, ends with its parent.
import { pathToFileURL } from "node:url";

const [, , server, options] = process.argv;
const { startBroker } = await import(pathToFileURL(server).href);
const broker = await startBroker(JSON.parse(options));
const { faults } = broker;

/** Armed faults, by id. */
const armed = new Map();
const keep = (fault) => {
  armed.set(fault.id, fault);
  return fault.id;
};

/** What the parent may call; the answers have to be values that can be cloned. */
const calls = {
  stats: (queue) => broker.queue(queue).stats(),
  arm: (fault) => keep(faults.arm(fault)),
  random: (random) => keep(faults.random(random)),
  hits: (id) => armed.get(id).hits,
  hit: (id, count) => armed.get(id).hit(count),
  disarm: (id) => armed.get(id).disarm(),
  counts: () => faults.counts(),
  clear: () => faults.clear(),
  kill: (...args) => faults.kill(...args),
  freeze: (...args) => faults.freeze(...args),
  thaw: () => faults.thaw(),
  detach: (...args) => faults.detach(...args),
  connections: () => faults.connections(),
  heapBytes: () => {
    globalThis.gc();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  },
  connectionString: (wanted) => broker.connectionStringFor(wanted),
  setKey: (...args) => broker.setKey(...args),
};

async function answer({ id, call, args }) {
  try {
    process.send({ id, value: await calls[call](...args) });
  } catch (error) {
    process.send({ id, error: error.message });
  }
}

process.on("message", (request) => {
  answer(request);
});
process.on("disconnect", () => process.exit(0));
process.on("SIGTERM", () => process.exit(0));
const { port, connectionString, listeners } = broker;
process.stdout.write(`${JSON.stringify({ port, connectionString, listeners })}\n`);
