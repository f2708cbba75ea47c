// A process that uses the store of the built project:
//   node store-child.mjs <folder of the build> <state file> lease|write [JSON options]
// Says one JSON document per line, and stays until it is killed.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [dist, file, task, text = "{}"] = process.argv.slice(2);
const { openStore } = await import(
  pathToFileURL(join(dist, "agent", "state", "open-store.js")).href
);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Takes the job, or says why not. */
async function lease({ owner, leaseMs }) {
  const store = await openStore({ file, clock: Date });
  try {
    await store.openJob("people", { owner, leaseMs });
    say({ held: owner });
  } catch (error) {
    say({ code: error.code, message: error.message });
  }
}

/** Batch after batch, each of so many shadows and of the state that counts them. */
async function write({ owner, perBatch, batches }) {
  const store = await openStore({ file, clock: Date });
  const job = await store.openJob("people", { owner, leaseMs: 1 });
  const padding = "x".repeat(500);
  for (let batch = 0; batch < batches; batch += 1) {
    const shadows = Array.from({ length: perBatch }, (_, index) => ({
      anchor: `anchor-${batch}-${index}`,
      sourceId: `id-${batch}-${index}`,
      targetId: `target-${batch}-${index}`,
      resourceType: "User",
      name: "somebody",
      fingerprint: "f",
      exported: { padding },
      active: true,
      inScope: true,
    }));
    say({ begins: batch });
    try {
      await job.write({ shadows, state: { watermark: String(batch + 1) } });
    } catch (error) {
      say({ code: error.code });
      return;
    }
    say({ written: batch });
  }
}

await { lease, write }[task](JSON.parse(text));
setInterval(() => {}, 60_000);
