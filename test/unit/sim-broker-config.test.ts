import { describe, expect, it } from "vitest";
import { AgentError } from "../../agent/core/error.ts";
import { type BrokerConfig, parseBrokerConfig } from "../../agent/sim/broker/config.ts";
import { startBroker } from "../../agent/sim/broker/server.ts";

const MINUTE = 60_000;
const MEGABYTE = 1024 * 1024;

function wrap(queues: unknown, rest: object = {}): string {
  return JSON.stringify({
    UserConfig: { Namespaces: [{ Name: "sbemulatorns", Queues: queues, ...rest }] },
  });
}

function problemsOf(text: string, options?: { strict: boolean }): string[] {
  try {
    parseBrokerConfig(text, options);
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== "config.invalid") throw error;
    return error.message.replace(/^[^:]*: /, "").split("; ");
  }
  return [];
}

const DEFAULTS = {
  lockDurationMs: MINUTE,
  maxDeliveryCount: 3,
  defaultTimeToLiveMs: 60 * MINUTE,
  deadLetteringOnMessageExpiration: false,
  requiresDuplicateDetection: false,
  duplicateDetectionWindowMs: 20_000,
  requiresSession: false,
  maxBytes: 100 * MEGABYTE,
};

describe("config.json of the emulator", () => {
  it("is read with its comments", () => {
    const text = `{
      // the sample has comments
      "UserConfig": {
        "Namespaces": [{
          "Name": "sbemulatorns", /* fixed
            name */
          "Queues": [
            { "Name": "queue.1" },
            {
              "Name": "a//b",
              "Properties": {
                "DeadLetteringOnMessageExpiration": true,
                "DefaultMessageTimeToLive": "PT10M",
                "DuplicateDetectionHistoryTimeWindow": "PT1M30S",
                "ForwardDeadLetteredMessagesTo": "",
                "ForwardTo": "",
                "LockDuration": "PT5S",
                "MaxDeliveryCount": 10,
                "RequiresDuplicateDetection": true,
                "RequiresSession": true
              }
            }
          ],
          "Topics": []
        }],
        "Logging": { "Type": "File" }
      }
    }`;
    const expected: BrokerConfig = {
      namespace: "sbemulatorns",
      queues: [
        { name: "queue.1", ...DEFAULTS },
        {
          name: "a//b",
          lockDurationMs: 5_000,
          maxDeliveryCount: 10,
          defaultTimeToLiveMs: 10 * MINUTE,
          deadLetteringOnMessageExpiration: true,
          requiresDuplicateDetection: true,
          duplicateDetectionWindowMs: 90_000,
          requiresSession: true,
          maxBytes: 100 * MEGABYTE,
        },
      ],
    };
    expect(parseBrokerConfig(text)).toEqual(expected);
  });

  it("names every wrong option by its path, all at once", () => {
    const queues = [
      { Name: "bad name", Properties: { LockDuration: "1m", MaxDeliveryCount: 11 } },
      {
        Name: "q",
        Properties: {
          LockDuration: "PT4S",
          DefaultMessageTimeToLive: "PT2H",
          RequiresSession: "yes",
          ForwardTo: "other",
          MaxDelivery: 3,
        },
        Extra: 1,
      },
      { Name: "Q" },
      {},
    ];
    const at = "UserConfig.Namespaces[0].Queues";
    expect(problemsOf(wrap(queues)).sort()).toEqual(
      [
        `${at}[0].Name: 'bad name' is no name of a queue`,
        `${at}[0].Properties.LockDuration: has to be an ISO 8601 duration such as PT1M`,
        `${at}[0].Properties.MaxDeliveryCount: has to be between 1 and 10`,
        `${at}[1].Extra: is not a known option`,
        `${at}[1].Properties.DefaultMessageTimeToLive: has to be between PT5M and PT1H`,
        `${at}[1].Properties.ForwardTo: forwarding is not supported by this broker, leave it empty`,
        `${at}[1].Properties.LockDuration: has to be between PT5S and PT5M`,
        `${at}[1].Properties.MaxDelivery: is not a known option`,
        `${at}[1].Properties.RequiresSession: has to be true or false`,
        `${at}: 'Q' is declared twice`,
        `${at}[3].Name: is missing`,
      ].sort(),
    );
  });

  it("says that topics are not supported", () => {
    expect(problemsOf(wrap([], { Topics: [{ Name: "t" }] }))).toEqual([
      "UserConfig.Namespaces[0].Topics: topics are not supported by this broker, use queues",
    ]);
  });

  it("takes shorter times when it is not strict, but no nonsense", () => {
    const short = wrap([{ Name: "q", Properties: { LockDuration: "PT0.2S" } }]);
    expect(problemsOf(short)).toHaveLength(1);
    expect(parseBrokerConfig(short, { strict: false }).queues[0]?.lockDurationMs).toBe(200);
    const none = wrap([{ Name: "q", Properties: { LockDuration: "PT0S" } }]);
    expect(problemsOf(none, { strict: false })).toEqual([
      "UserConfig.Namespaces[0].Queues[0].Properties.LockDuration: has to be a positive number",
    ]);
  });

  it.each([
    ["no JSON", "{"],
    ["another shape", "[]"],
    ["no namespace", '{"UserConfig":{"Namespaces":[]}}'],
    ["a wrong log", wrap([]).replace(/}$/, ',"Logging":1}')],
  ])("%s is refused", (_name, text) => {
    expect(() => parseBrokerConfig(text)).toThrow(AgentError);
  });
});

describe("startBroker", () => {
  it("refuses wrong queues with the same words", async () => {
    await expect(
      startBroker({ queues: [{ name: "q", lockDurationMs: 1 }, { name: "Q" }] }),
    ).rejects.toMatchObject({
      code: "config.invalid",
      message:
        "the broker's queues are wrong: queues[0].lockDurationMs: has to be between PT5S and PT5M; queues: 'Q' is declared twice",
    });
  });

  it("says that its port is taken", async () => {
    const broker = await startBroker({ queues: [] });
    await expect(startBroker({ queues: [], port: broker.port })).rejects.toMatchObject({
      code: "bus.unreachable",
    });
    await broker.close();
  });

  it("makes a new key for every start, and knows its queues", async () => {
    const brokers = await Promise.all([
      startBroker({ queues: [{ name: "Q" }] }),
      startBroker({ queues: [] }),
    ]);
    const keys = brokers.map(
      ({ connectionString }) => /SharedAccessKey=([^;]+)/.exec(connectionString)?.[1],
    );
    expect(keys[0]).not.toBe(keys[1]);
    expect(brokers[0].queue("q").stats().active).toBe(0);
    expect(() => brokers[1].queue("q")).toThrow(AgentError);
    await Promise.all(brokers.map((broker) => broker.close()));
  });
});
