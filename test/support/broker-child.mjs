// Runs a broker in a process of its own: argv[2] is the path of the built server module, argv[3] its options as JSON.
// Prints one line of JSON when it listens, answers requests for statistics over IPC, ends with its parent.
import { pathToFileURL } from "node:url";

const [, , server, options] = process.argv;
const { startBroker } = await import(pathToFileURL(server).href);
const broker = await startBroker(JSON.parse(options));

process.on("message", ({ id, queue }) => {
  try {
    process.send({ id, stats: broker.queue(queue).stats() });
  } catch (error) {
    process.send({ id, error: error.message });
  }
});
process.on("disconnect", () => process.exit(0));
process.on("SIGTERM", () => process.exit(0));
process.stdout.write(
  `${JSON.stringify({ port: broker.port, connectionString: broker.connectionString })}\n`,
);
