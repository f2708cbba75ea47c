import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ServiceBusRequester } from "../../agent/bus/service-bus-requester.ts";
import { replyElements } from "../../agent/core/reply-elements.ts";
import type { Reply } from "../../agent/ports.ts";
import { createCompany } from "../../agent/sim/company/company.ts";
import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { type AgentFiles, writeAgentFiles } from "../support/agent-files.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { type AgentProcess, startAgent } from "../support/command.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { type OpenLdap, startOpenLdap } from "../support/openldap.ts";
import { testQueues } from "../support/queues.ts";
import { ReversingRelay } from "../support/relay.ts";

const PEOPLE = 10_000;
const LOCK_MS = 3_000;

describe("an agent that is killed while it streams", () => {
  let ldap: OpenLdap;
  let broker: BrokerProcess;
  let files: AgentFiles;
  const agents: AgentProcess[] = [];

  beforeAll(async () => {
    ldap = await startOpenLdap({ ldif: companyToLdif(createCompany({ people: PEOPLE })) });
  });

  afterAll(async () => {
    await ldap?.close();
  });

  beforeEach(async () => {
    const { queues, ...options } = testQueues({ lockDurationMs: LOCK_MS });
    broker = await startBrokerProcess({
      ...options,
      queues: [...queues, { name: "front", lockDurationMs: 60_000 }],
    });
    files = await writeAgentFiles({
      connectionString: broker.connectionString,
      url: ldap.url,
      baseDn: ldap.baseDn,
      bindDn: ldap.bindDn,
      bindPassword: ldap.bindPassword,
      // Small parts, so that there are many of them.
      bus: { replyQueues: ["replies", "plain-replies"], partBytes: 32_768 },
      log: { level: "info" },
    });
  });

  afterEach(async () => {
    await Promise.all(agents.splice(0).map((agent) => agent.kill("SIGKILL")));
    await files?.remove();
    await broker?.stop();
  });

  /** Asks for everything, kills the agent after some parts, starts another one. */
  async function listAcrossDeath(requestQueue: string): Promise<Reply> {
    agents.push(await startAgent(files.configPath));
    const credential = {
      kind: "connectionString",
      connectionString: broker.connectionString,
    } as const;
    const requester = new ServiceBusRequester(
      { credential, requestQueue, replyQueue: "replies" },
      { log: new MemoryLog() },
    );
    let killed: Promise<unknown> | undefined;
    const onProgress = ({ parts }: { readonly parts: number }) => {
      if (parts < 5 || killed !== undefined) return;
      killed = agents[0]
        ?.kill("SIGKILL")
        .then(async () => agents.push(await startAgent(files.configPath)));
    };
    try {
      const reply = await requester.request(
        {
          method: "POST",
          path: "/.delta",
          body: {},
          stream: true,
          correlationId: randomUUID(),
          timeoutMs: 90_000,
        },
        { onProgress },
        AbortSignal.timeout(100_000),
      );
      expect(killed).toBeDefined();
      await killed;
      return reply;
    } finally {
      await requester.close();
    }
  }

  async function expectWhole(reply: Reply): Promise<void> {
    expect(reply.status).toBe(200);
    const seen = new Map<string, number>();
    let token: unknown;
    for await (const document of reply.documents()) token = document["nextDeltaToken"] ?? token;
    for await (const element of replyElements(reply.documents())) {
      const { resourceType, changedResourceId } = element as Record<string, string>;
      if (resourceType === "User")
        seen.set(changedResourceId ?? "", (seen.get(changedResourceId ?? "") ?? 0) + 1);
    }
    expect(token).toEqual(expect.any(String));
    const lines = (
      await ldap.ldapsearch(["-b", ldap.baseDn, "-LLL", "(objectClass=inetOrgPerson)", "entryUUID"])
    ).split("\n");
    const expected = lines
      .filter((line) => line.startsWith("entryUUID: "))
      .map((line) => line.slice(11).trim());
    expect(expected).toHaveLength(PEOPLE);
    expect([...seen.keys()].sort()).toEqual(expected.sort());
    expect([...seen.values()].every((times) => times === 1)).toBe(true);
  }

  async function expectNothingLeft(): Promise<void> {
    await agents[1]?.logged("request.answered");
    for (let tries = 0; tries < 50; tries++) {
      const { active, locked } = await broker.stats("requests");
      if (active + locked === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(await broker.stats("requests")).toMatchObject({ active: 0, locked: 0, deadLettered: 0 });
    // Parts that come after the answer was whole may wait for nobody until their time is over.
    expect(await broker.stats("replies")).toMatchObject({ locked: 0, deadLettered: 0 });
  }

  it("leaves the requester with one whole answer, everybody exactly once, and nothing behind", async () => {
    const reply = await listAcrossDeath("requests");
    await expectWhole(reply);
    expect(reply.counts().dropped).toBe(1);
    await expectNothingLeft();
  }, 120_000);

  it("does so when the parts of the second answer come in reverse order", async () => {
    const relay = new ReversingRelay(broker.connectionString, {
      front: "front",
      back: "requests",
      replies: "plain-replies",
    });
    relay.start();
    try {
      const reply = await listAcrossDeath("front");
      await expectWhole(reply);
      expect(relay.reversed).toBe(1);
      await expectNothingLeft();
    } finally {
      await relay.close();
    }
  }, 120_000);
});
