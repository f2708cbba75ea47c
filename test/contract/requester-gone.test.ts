import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { startDirectory } from "../../agent/sim/directory/server.ts";
import { writeAgentFiles } from "../support/agent-files.ts";
import { startBrokerProcess } from "../support/broker-process.ts";
import { startAgent } from "../support/command.ts";
import { testQueues } from "../support/queues.ts";
import { never, outgoing, startRequester, type Undo } from "../support/requester-world.ts";

const BIND = { dn: "cn=sync,dc=example,dc=com", password: "secret" };

const undo: Undo = [];

afterEach(async () => {
  for (const release of undo.splice(0).reverse()) await release();
});

describe("an agent whose requester gave up", () => {
  it("stops working on the request when its time is over, and settles it", async () => {
    const directory = await startDirectory({
      baseDn: "dc=example,dc=com",
      bind: BIND,
      company: { people: 200 },
      faults: { onSearchPage: ({ page }) => (page === 2 ? "hang" : undefined) },
    });
    undo.push(() => directory.close());
    const broker = await startBrokerProcess(testQueues());
    undo.push(() => broker.stop());
    const files = await writeAgentFiles({
      connectionString: broker.connectionString,
      url: directory.url,
      baseDn: directory.baseDn,
      bindDn: BIND.dn,
      bindPassword: BIND.password,
      bus: { clockSkew: "0s" },
      directory: { pageSize: 50 },
    });
    undo.push(() => files.remove());
    const agent = await startAgent(files.configPath);
    undo.push(() => agent.kill("SIGKILL"));
    const { requester } = startRequester(undo, broker.connectionString);
    await expect(
      requester.request(outgoing({ timeoutMs: 4_000 }), {}, never),
    ).rejects.toMatchObject({ code: "reply.timeout" });
    // Its own clock may be a little behind that of the requester.
    const expired = await Promise.race([agent.logged("request.expired"), sleep(5_000)]);
    expect(expired).toMatchObject({ event: "request.expired" });
    expect(await broker.stats("requests")).toMatchObject({ active: 0, locked: 0, deadLettered: 0 });
  });
});
