import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Access } from "../../agent/sim/broker/access.ts";
import {
  completeRule,
  type RuleDeclaration,
  rightOf,
  ruleProblems,
} from "../../agent/sim/broker/access-rule.ts";
import { verifyJwt } from "../../agent/sim/broker/jwt.ts";
import { type TokenVerdict, verifySas } from "../../agent/sim/broker/sas.ts";

const NOW = 1_700_000_000_000;
const LATER = NOW / 1000 + 60;
const because = (verdict: TokenVerdict): string | undefined =>
  verdict.valid ? undefined : verdict.because.split(":")[0];

describe("a shared access signature", () => {
  const RULES = [
    completeRule(
      { name: "rule", rights: ["Send"], primaryKey: "secret", secondaryKey: "other" },
      "root",
    ),
    completeRule({ name: "mine", rights: ["Listen"], queue: "Q", primaryKey: "queue" }, "root"),
    completeRule({ name: "rule", rights: ["Manage"], queue: "Q", primaryKey: "same name" }, "root"),
  ];

  function sign(resource: string, expiry: number, key = "secret", name = "rule"): string {
    const sr = encodeURIComponent(resource);
    const signature = createHmac("sha256", key).update(`${sr}\n${expiry}`).digest("base64");
    return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${name}`;
  }

  const verify = (token: string, audience = "sb://host/q"): TokenVerdict =>
    verifySas(token, audience, RULES, NOW);

  it("is good for its resource and what is below", () => {
    expect(verify(sign("sb://host/q", LATER), "sb://other:5/Q/$management")).toEqual({
      valid: true,
      grant: { path: "q/$management", rights: ["Send"], expiresAt: LATER * 1000 },
    });
  });

  it("may be signed with either key of its policy, and is good only at the policy's queue", () => {
    const grant = { path: "q", expiresAt: LATER * 1000 };
    expect([
      verify(sign("sb://host/", LATER, "other")),
      verify(sign("sb://host/", LATER, "queue", "mine")),
      verify(sign("sb://host/", LATER, "same name")),
      because(verify(sign("sb://host/", LATER, "queue", "mine"), "sb://host/q2")),
      because(verify(sign("sb://host/", LATER, "same name"), "sb://host/q2")),
    ]).toEqual([
      { valid: true, grant: { ...grant, rights: ["Send"] } },
      { valid: true, grant: { ...grant, rights: ["Listen"] } },
      { valid: true, grant: { ...grant, rights: ["Manage"] } },
      "InvalidSignature",
      "InvalidSignature",
    ]);
  });

  it.each([
    ["another key", sign("sb://host/q", LATER, "wrong"), "InvalidSignature"],
    ["another rule", sign("sb://host/q", LATER, "secret", "other"), "InvalidSignature"],
    ["no rule and an empty key", sign("sb://host/q", LATER, "", "other"), "InvalidSignature"],
    ["an end that has passed", sign("sb://host/q", NOW / 1000), "ExpiredToken"],
    [
      "an end that was changed",
      sign("sb://host/q", NOW / 1000).replace(/se=\d+/, `se=${LATER}`),
      "InvalidSignature",
    ],
    ["another resource", sign("sb://host/q2", LATER), "InvalidAudience"],
    ["no signature", "SharedAccessSignature sr=x&se=1", "MalformedToken"],
    ["a broken encoding", "SharedAccessSignature sr=%zz&se=1&sig=x&skn=rule", "MalformedToken"],
    ["no token", "Bearer x", "MalformedToken"],
  ])("with %s is refused", (_name, token, reason) => {
    expect(because(verify(token))).toBe(reason);
  });
});

describe("a JWT", () => {
  const CLAIMS = {
    aud: "https://servicebus.azure.net/",
    exp: LATER,
    roles: ["Azure Service Bus Data Receiver", "Reader"],
  };

  function sign(claims: unknown, { alg = "HS256", key = "test" } = {}): string {
    const part = (value: unknown): string =>
      Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${part({ alg })}.${part(claims)}`;
    return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
  }

  it("that a test has signed gives the rights of its roles", () => {
    expect(verifyJwt(sign(CLAIMS), "sb://host/Q", "test", NOW)).toEqual({
      valid: true,
      grant: { path: "q", rights: ["Listen"], expiresAt: LATER * 1000 },
    });
  });

  it.each([
    ["no declared key", sign(CLAIMS), undefined, "InvalidIssuer"],
    ["another key", sign(CLAIMS, { key: "x" }), "test", "InvalidIssuer"],
    ["another algorithm", sign(CLAIMS, { alg: "none" }), "test", "InvalidIssuer"],
    ["a fourth part", `${sign(CLAIMS)}.x`, "test", "InvalidIssuer"],
    ["nothing in it", "..", "test", "InvalidIssuer"],
    ["another audience", sign({ ...CLAIMS, aud: "https://x" }), "test", "InvalidAudience"],
    ["an end that has passed", sign({ ...CLAIMS, exp: NOW / 1000 }), "test", "ExpiredToken"],
    ["no end", sign({ aud: CLAIMS.aud }), "test", "ExpiredToken"],
    ["no claims", sign(null), "test", "InvalidAudience"],
  ])("with %s is refused", (_name, token, key, reason) => {
    expect(because(verifyJwt(token, "sb://host/q", key, NOW))).toBe(reason);
  });
});

describe("what a connection may do", () => {
  it("follows from the rights of its tokens, by whole segments, and ends with them", () => {
    const access = new Access();
    access.grant({ path: "q", rights: ["Send"], expiresAt: 100 });
    access.grant({ path: "all", rights: ["Manage"], expiresAt: 200 });
    const asked = (now: number): boolean[] => [
      access.allows("q", "Send", now),
      access.allows("q/$management", "Send", now),
      access.allows("q2", "Send", now),
      access.allows("q", "Listen", now),
      access.allowsSome("q", now),
      access.allows("all", "Listen", now),
    ];
    expect(asked(99)).toEqual([true, true, false, false, true, true]);
    expect(asked(100)).toEqual([false, false, false, false, false, true]);
    expect([access.expire(99), access.expire(100), access.expire(150), access.expire(200)]).toEqual(
      [false, true, false, true],
    );
    expect(access.authenticated).toBe(true);
  });

  it("is replaced by the next token for the same path", () => {
    const access = new Access();
    access.grant({ path: "q", rights: ["Send"], expiresAt: 100 });
    access.grant({ path: "q", rights: ["Listen"], expiresAt: 100 });
    expect([access.allows("q", "Send", 1), access.allows("q", "Listen", 1)]).toEqual([false, true]);
  });

  it("is bounded, and expired tokens make room", () => {
    const access = new Access();
    const grant = (index: number): boolean =>
      access.grant({ path: `q${index}`, rights: ["Send"], expiresAt: index === 0 ? 5 : 10 });
    const granted = Array.from({ length: 1_001 }, (_, index) => grant(index));
    expect(granted.filter(Boolean)).toHaveLength(1_000);
    access.expire(5);
    expect([grant(1_000), grant(1_001)]).toEqual([true, false]);
  });

  it("needs Send to schedule and cancel, and Listen for all else at $management", () => {
    expect(
      [
        "com.microsoft:schedule-message",
        "com.microsoft:cancel-scheduled-message",
        "com.microsoft:peek-message",
        "com.microsoft:set-session-state",
        "com.microsoft:batch-delete-messages",
        "anything",
      ].map(rightOf),
    ).toEqual(["Send", "Send", "Listen", "Listen", "Listen", "Listen"]);
  });
});

describe("policies", () => {
  it("without keys get some that follow from the key of the broker and their name", () => {
    const declaration: RuleDeclaration = { name: "agent", rights: ["Listen"], queue: "q" };
    const { keys } = completeRule(declaration, "root");
    expect(completeRule({ ...declaration, queue: "q2", rights: ["Send"] }, "root").keys).toEqual(
      keys,
    );
    const others = [
      completeRule(declaration, "another root"),
      completeRule({ ...declaration, name: "other" }, "root"),
    ].flatMap((rule) => [rule.keys.primary, rule.keys.secondary]);
    expect(new Set([keys.primary, keys.secondary, ...others]).size).toBe(6);
  });

  it("that make no sense are named", () => {
    const rules = [
      { name: "", rights: ["Send"] },
      { name: "none", rights: [] },
      { name: "odd", rights: ["Read"] },
      { name: "lost", rights: ["Send"], queue: "nowhere" },
      { name: "twice", rights: ["Send"], queue: "Q" },
      { name: "twice", rights: ["Send"], queue: "q" },
      { name: "twice", rights: ["Send"] },
      { name: "empty", rights: ["Send"], primaryKey: "" },
    ] as unknown as RuleDeclaration[];
    expect(ruleProblems(rules, ["q"])).toEqual([
      { index: 0, problem: "'' is no name of a rule" },
      { index: 1, problem: "'none' has to have some of the rights Listen, Send, Manage" },
      { index: 2, problem: "'odd' has to have some of the rights Listen, Send, Manage" },
      { index: 3, problem: "'lost' is for the queue 'nowhere', which is not declared" },
      { index: 5, problem: "'twice' is declared twice" },
      { index: 7, problem: "'empty' has an empty key" },
    ]);
  });
});
