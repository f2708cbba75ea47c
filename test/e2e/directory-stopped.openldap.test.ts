import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ServiceBusRequester } from "../../agent/bus/service-bus-requester.ts";
import type { OutgoingRequest, Reply } from "../../agent/ports.ts";
import { createCompany } from "../../agent/sim/company/company.ts";
import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { type AgentFiles, writeAgentFiles } from "../support/agent-files.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { type AgentProcess, startAgent } from "../support/command.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { type OpenLdap, startOpenLdap } from "../support/openldap.ts";
import { testQueues } from "../support/queues.ts";

describe("a directory that goes away", () => {
  let ldap: OpenLdap;
  let broker: BrokerProcess;
  let files: AgentFiles;
  let agent: AgentProcess;
  let requester: ServiceBusRequester;

  beforeAll(async () => {
    ldap = await startOpenLdap({ ldif: companyToLdif(createCompany({ people: 10_000 })) });
    broker = await startBrokerProcess(testQueues());
    const { connectionString } = broker;
    files = await writeAgentFiles({
      connectionString,
      url: ldap.url,
      baseDn: ldap.baseDn,
      bindDn: ldap.bindDn,
      bindPassword: ldap.bindPassword,
      bus: { partBytes: 16_384 },
      // Many pages, so that it can be stopped between two of them.
      directory: { pageSize: 50 },
      log: { level: "info" },
    });
    agent = await startAgent(files.configPath);
    requester = new ServiceBusRequester(
      {
        credential: { kind: "connectionString", connectionString },
        requestQueue: "requests",
        replyQueue: "replies",
      },
      { log: new MemoryLog() },
    );
  });

  afterAll(async () => {
    await requester?.close();
    await agent?.kill("SIGTERM");
    await files?.remove();
    await broker?.stop();
    await ldap?.close();
  });

  function ask(
    request: Pick<OutgoingRequest, "method" | "path" | "stream">,
    onProgress?: (progress: { readonly parts: number }) => void,
  ): Promise<Reply> {
    return requester.request(
      { ...request, correlationId: randomUUID(), timeoutMs: 60_000 },
      onProgress === undefined ? {} : { onProgress },
      AbortSignal.timeout(60_000),
    );
  }

  it("ends the stream with a 503 part and no token; the agent answers again when it is back", async () => {
    let stopped: Promise<void> | undefined;
    const cut = await ask({ method: "POST", path: "/.delta", stream: true }, ({ parts }) => {
      if (parts >= 3) stopped ??= ldap.stop();
    });
    await stopped;
    expect(cut.status).toBe(503);
    expect(cut.headers.get("retry-after")).toBe("30");
    const documents: Readonly<Record<string, unknown>>[] = [];
    for await (const document of cut.documents()) documents.push(document);
    expect(documents.length).toBeGreaterThan(3);
    expect(documents.some((document) => "nextDeltaToken" in document)).toBe(false);
    expect(documents.at(-1)).toMatchObject({
      status: "503",
      detail: "directory.unreachable: the directory did not answer",
    });

    const down = await ask({
      method: "GET",
      path: "/Users/00000000-0000-0000-0000-000000000000",
      stream: false,
    });
    expect(down.status).toBe(503);
    const sick = await ask({ method: "GET", path: "/agent/health", stream: false });
    for await (const health of sick.documents())
      expect(health).toMatchObject({ status: "degraded" });

    await ldap.start();
    const whole = await ask({ method: "POST", path: "/.delta", stream: true });
    expect(whole.status).toBe(200);
    expect(agent.isAlive()).toBe(true);
    expect(agent.log.filter(({ event }) => event === "agent.starting")).toHaveLength(1);
  }, 120_000);
});
