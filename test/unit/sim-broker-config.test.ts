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
  status: "active",
  maxBytes: 100 * MEGABYTE,
} as const;

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
                "RequiresSession": true,
                "Status": "SendDisabled"
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
          status: "sendDisabled",
          maxBytes: 100 * MEGABYTE,
        },
      ],
      rules: [],
      listeners: {},
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
          Status: "active",
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
        `${at}[1].Properties.Status: has to be Active, Disabled, SendDisabled or ReceiveDisabled`,
        `${at}: 'Q' is declared twice`,
        `${at}[3].Name: is missing`,
      ].sort(),
    );
  });

  it("declares rules of the namespace and of queues, and where to listen", () => {
    const text = JSON.stringify({
      UserConfig: {
        Namespaces: [
          {
            Name: "n",
            AuthorizationRules: [{ Name: "agent", Rights: ["Listen", "Send"], PrimaryKey: "p" }],
            Queues: [
              {
                Name: "Q",
                AuthorizationRules: [{ Name: "agent", Rights: ["Manage"], SecondaryKey: "s" }],
              },
            ],
          },
        ],
        Listeners: {
          Host: "::1",
          Port: 5672,
          Tls: { Port: 5671, Certificate: "tls/server.crt", Key: "tls/server.key" },
          WebSocket: { Port: 8080, SecurePort: 443 },
        },
      },
    });
    const { rules, listeners } = parseBrokerConfig(text);
    expect({ rules, listeners }).toEqual({
      rules: [
        { name: "agent", rights: ["Listen", "Send"], primaryKey: "p" },
        { name: "agent", rights: ["Manage"], queue: "Q", secondaryKey: "s" },
      ],
      listeners: {
        host: "::1",
        port: 5672,
        tls: { port: 5671, certificate: "tls/server.crt", key: "tls/server.key" },
        webSocket: { port: 8080, securePort: 443 },
      },
    });
  });

  it("names wrong rules and listeners by their path too", () => {
    const text = JSON.stringify({
      UserConfig: {
        Namespaces: [
          {
            Name: "n",
            AuthorizationRules: [
              { Rights: ["Read"] },
              { Name: "x", Rights: [], PrimaryKey: "" },
              { Name: "x", Rights: ["Send"], Key: "k" },
            ],
            Queues: [{ Name: "q", AuthorizationRules: {} }],
          },
        ],
        Listeners: { Host: 1, Port: 65_536, Tls: { Key: "k" }, WebSocket: { Port: "80" }, Udp: 1 },
      },
    });
    const at = "UserConfig.Namespaces[0]";
    const rights = "has to be a list of some of Listen, Send and Manage";
    expect(problemsOf(text).sort()).toEqual(
      [
        `${at}.AuthorizationRules[0].Name: is missing`,
        `${at}.AuthorizationRules[0].Rights: ${rights}`,
        `${at}.AuthorizationRules[1].Rights: ${rights}`,
        `${at}.AuthorizationRules[1].PrimaryKey: has to be a text`,
        `${at}.AuthorizationRules[2].Key: is not a known option`,
        `${at}.AuthorizationRules: 'x' is declared twice`,
        `${at}.Queues[0].AuthorizationRules: has to be a list`,
        "UserConfig.Listeners.Udp: is not a known option",
        "UserConfig.Listeners.Host: has to be a text",
        "UserConfig.Listeners.Port: has to be a whole number from 0 to 65535",
        "UserConfig.Listeners.Tls.Certificate: is missing",
        "UserConfig.Listeners.WebSocket.Port: has to be a whole number from 0 to 65535",
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

  it("refuses wrong rules, and certificates that are none", async () => {
    await expect(
      startBroker({ queues: [], rules: [{ name: "r", rights: ["Send"], queue: "lost" }] }),
    ).rejects.toMatchObject({
      code: "config.invalid",
      message:
        "the broker's rules are wrong: rules[0]: 'r' is for the queue 'lost', which is not declared",
    });
    const none = { certificate: "/nowhere/server.crt", key: "/nowhere/server.key" };
    await expect(startBroker({ queues: [], tls: none })).rejects.toMatchObject({
      code: "config.invalid",
      message: "the broker's certificate cannot be read: /nowhere/server.crt",
    });
    const odd = { certificate: "-----BEGIN X-----", key: "-----BEGIN X-----" };
    await expect(startBroker({ queues: [], tls: odd })).rejects.toMatchObject({
      code: "config.invalid",
      message: "the broker's certificate cannot be used",
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
