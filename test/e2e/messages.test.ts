import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DirectoryServer, startDirectory } from "../../agent/sim/directory/server.ts";
import { type AgentFiles, writeAgentFiles } from "../support/agent-files.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { type AgentProcess, startAgent } from "../support/command.ts";
import { testQueues } from "../support/queues.ts";
import { RawBus, rawRequest } from "../support/raw-bus.ts";

describe("what the agent does with one message (DESIGN section 4)", () => {
  let broker: BrokerProcess;
  let directory: DirectoryServer;
  let files: AgentFiles;
  let agent: AgentProcess;
  let bus: RawBus;

  beforeAll(async () => {
    const bind = { dn: "cn=sync,dc=example,dc=com", password: "s3cret-of-the-test" };
    directory = await startDirectory({
      baseDn: "dc=example,dc=com",
      bind,
      company: { people: 50 },
    });
    broker = await startBrokerProcess(testQueues());
    files = await writeAgentFiles({
      connectionString: broker.connectionString,
      url: directory.url,
      baseDn: directory.baseDn,
      bindDn: bind.dn,
      bindPassword: bind.password,
      bus: { replyQueues: ["replies", "plain-replies"], clockSkew: "0s" },
    });
    agent = await startAgent(files.configPath);
    bus = new RawBus(broker.connectionString);
  });

  afterAll(async () => {
    await bus?.close();
    await agent?.kill("SIGTERM");
    await files?.remove();
    await directory?.close();
    await broker?.stop();
  });

  async function deadLetter(message: Parameters<typeof rawRequest>[0]) {
    await bus.send("requests", rawRequest(message));
    const [found] = await bus.take("requests", 1, { subQueueType: "deadLetter" });
    return { reason: found?.deadLetterReason, description: found?.deadLetterErrorDescription };
  }

  it("dead-letters a message that is no JSON, without quoting it", async () => {
    const body = Buffer.from('{"filter": userName eq "Ada Lovelace"}');
    expect(await deadLetter({ subject: "POST", to: "/Users/.search", body })).toEqual({
      reason: "RequestNotJson",
      description: expect.stringMatching(
        /^The body is not JSON( \(position \d+\))?\. Send a SCIM message as application\/scim\+json\.$/,
      ),
    });
  });

  it("dead-letters a message without replyTo", async () => {
    const { replyTo: _none, ...message } = rawRequest();
    await bus.send("requests", message);
    const [found] = await bus.take("requests", 1, { subQueueType: "deadLetter" });
    expect({
      reason: found?.deadLetterReason,
      description: found?.deadLetterErrorDescription,
    }).toEqual({
      reason: "ReplyToMissing",
      description:
        "The message has no replyTo, so there is nowhere to answer. Set replyTo to one of: replies, plain-replies.",
    });
  });

  it("dead-letters a message whose replyTo is not on the allow-list", async () => {
    expect(await deadLetter({ replyTo: "somebody-elses-queue" })).toEqual({
      reason: "ReplyToForbidden",
      description:
        'This agent does not reply to "somebody-elses-queue". It may use: replies, plain-replies (bus.replyQueues in its configuration).',
    });
  });

  it("dead-letters a message that is no request", async () => {
    expect(await deadLetter({ subject: "please look this up" })).toEqual({
      reason: "RequestIncomplete",
      description: "The message's subject is not an HTTP method, such as GET or POST.",
    });
    expect(await deadLetter({ applicationProperties: {} })).toMatchObject({
      reason: "RequestIncomplete",
    });
  });

  it("drops a message whose deadline has passed, without an answer", async () => {
    await agent.kill("SIGTERM");
    const message = rawRequest({ timeToLive: 300 });
    await bus.send("requests", message);
    await new Promise((resolve) => setTimeout(resolve, 600));
    agent = await startAgent(files.configPath);
    await bus.send("requests", rawRequest({ correlationId: "after" }));
    const [answer, ...more] = await bus.take("plain-replies", 2, { waitMs: 3_000 });
    expect(answer?.correlationId).not.toBe(message.messageId);
    expect(more).toEqual([]);
    const { active, locked, deadLettered } = await broker.stats("requests");
    expect({ active, locked, deadLettered }).toEqual({ active: 0, locked: 0, deadLettered: 0 });
  });

  it("answers a message that was sent twice with the same id once, and one with another id again", async () => {
    const message = rawRequest();
    await bus.send("requests", message);
    await bus.send("requests", message);
    expect(await bus.take("plain-replies", 2, { waitMs: 3_000 })).toHaveLength(1);
    await bus.send("requests", { ...message, messageId: randomUUID() });
    const [again] = await bus.take("plain-replies", 1);
    expect(again?.subject).toBe("200");
  });

  it("gives each part the properties of the contract", async () => {
    const message = rawRequest({ correlationId: "the-operation" });
    await bus.send("requests", message);
    const [part] = await bus.take("plain-replies", 1);
    const { answer, digest, agent: name, configuration } = part?.applicationProperties ?? {};
    expect(part?.messageId).toBe(`${message.messageId}:${answer}:0`);
    expect(part?.correlationId).toBe(message.messageId);
    expect(part?.contentType).toBe("application/scim+json");
    expect(part?.applicationProperties).toEqual({
      "http:response": "1.1",
      answer: expect.stringMatching(/^[0-9a-f-]{36}$/),
      part: 0,
      last: true,
      parts: 1,
      items: 0,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      agent: expect.stringMatching(/^hybrid-sync-agent\/\d+\.\d+\.\d+/),
      configuration: expect.any(String),
    });
    expect([digest, name, configuration].every((value) => typeof value === "string")).toBe(true);
    expect(part?.timeToLive).toBeGreaterThanOrEqual(120_000);
  });

  it("answers a bad request with a SCIM error and completes it", async () => {
    const requests = [
      rawRequest({
        subject: "POST",
        to: "/Users/.search",
        body: Buffer.from('{"filter":"userName"}'),
      }),
      rawRequest({ to: "/nowhere" }),
      rawRequest({ subject: "DELETE", to: "/Users/1" }),
      rawRequest({ subject: "PATCH", to: "/agent/health" }),
    ];
    const statuses: (string | undefined)[] = [];
    for (const request of requests) {
      await bus.send("requests", request);
      const [part] = await bus.take("plain-replies", 1);
      statuses.push(part?.subject);
      expect(JSON.parse(Buffer.from(part?.body).toString("utf8"))).toMatchObject({
        schemas: ["urn:ietf:params:scim:api:messages:2.0:Error"],
        status: part?.subject,
      });
    }
    expect(statuses).toEqual(["400", "404", "403", "405"]);
    // A request is completed after its answer was sent.
    await expect
      .poll(() => broker.stats("requests"))
      .toMatchObject({ active: 0, locked: 0, deadLettered: 0 });
  });

  it("follows one request through the log by its ids, with no secret in it", async () => {
    const message = rawRequest({ correlationId: "follow-me" });
    await bus.send("requests", message);
    await bus.take("plain-replies", 1);
    const line = await agent.logged("request.answered");
    expect(line).toMatchObject({
      requestId: expect.any(String),
      status: expect.any(Number),
      ms: expect.any(Number),
    });
    const mine = agent.log.filter((entry) => entry["correlationId"] === "follow-me");
    expect(mine.map(({ event }) => event)).toContain("request.received");
    const key = /SharedAccessKey=([^;]+)/.exec(broker.connectionString)?.[1];
    expect(JSON.stringify(agent.log)).not.toContain(key);
    expect(JSON.stringify(agent.log)).not.toContain("s3cret-of-the-test");
  });
});
