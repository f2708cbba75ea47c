import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AgentError } from "../../agent/core/error.ts";
import { redact, redactText } from "../../agent/service/redaction.ts";

const SECRET = "s3cr3tK3y+/value==";

describe("redactText", () => {
  it.each([
    [
      "a connection string",
      `Endpoint=sb://x.example;SharedAccessKeyName=root;SharedAccessKey=${SECRET};EntityPath=q`,
    ],
    ["a connection string with spaces", `SharedAccessKey = ${SECRET}`],
    ["a connection string in JSON", `{"c":"SharedAccessKey=${SECRET}"}`],
    ["an account key", `AccountName=x;AccountKey=${SECRET}`],
    ["a SAS token", `SharedAccessSignature sr=sb%3a%2f%2fx&sig=${SECRET}&se=1&skn=root`],
    ["a signature in a URL", `https://x.example/q?sv=1&sig=${SECRET}&se=1`],
    ["a signature at the start", `sig=${SECRET}`],
    ["a bearer token", `authorization: Bearer ${SECRET}`],
    ["a basic login", "authorization: Basic czNjcjN0SzN5"],
    ["a password in a URL", "ldap://agent:s3cr3tK3y@ldap.example:389/"],
    ["a password with an at sign in a URL", "ldap://agent:p@s3cr3tK3y@ldap.example/"],
    ["a password without a user in a URL", "redis://:s3cr3tK3y@cache.example/"],
    ["a form's password", "grant_type=password&username=x&password=s3cr3tK3y&client_id=5"],
    ["a form's client secret", "client_id=5&client_secret=s3cr3tK3y"],
    ["a password in JSON", '{"bindPassword":"s3cr3tK3y","x":1}'],
    ["a password in JSON with escapes", '{"password": "a\\"s3cr3tK3y"}'],
    [
      "a JSON web token",
      "token eyJhbGciOiJIUzI1NiJ9.eyJzM2NyM3RLM3kiOjF9.s3cr3tK3ys3cr3tK3y was refused",
    ],
    [
      "a private key",
      "-----BEGIN RSA PRIVATE KEY-----\ns3cr3tK3y\ns3cr3tK3y\n-----END RSA PRIVATE KEY----- x",
    ],
    ["a private key that was cut", "-----BEGIN PRIVATE KEY-----\ns3cr3tK3y"],
  ])("leaves nothing of %s", (_, text) => {
    const redacted = redactText(text);
    expect(redacted).not.toMatch(/s3cr3t|czNjcjN0|eyJzM2/);
    expect(redacted).toContain("[redacted]");
    expect(redactText(`before ${text}`)).toMatch(/^before /);
    expect(redactText(redacted)).not.toMatch(/s3cr3t/);
  });

  it.each([
    "cannot bind as cn=agent,dc=example,dc=com",
    "check directory.bindDn and directory.bindPassword",
    "Endpoint=sb://x.example;SharedAccessKeyName=root",
    "ldaps://ldap.example:636/ou=people",
    "designs=5 and signed=yes",
    "no such user: basic training",
    "directories[0].bind.password: is missing, expected a reference",
  ])("leaves what is no secret as it is: %s", (text) => {
    expect(redactText(text)).toBe(text);
  });

  it("cuts what is long, and leaves nothing of a secret that stands across the cut", () => {
    for (let before = 4060; before <= 4100; before++) {
      const text = `${" ".repeat(before)}ldap://agent:s3cr3tK3y@ldap.example/`;
      expect(redactText(text)).not.toMatch(/s3|cr3t/);
    }
    expect(redactText("x".repeat(10_000))).toBe(`${"x".repeat(4096)}…`);
  });

  it("takes hostile text in little time", () => {
    const started = performance.now();
    for (const piece of [
      "//a:",
      "Bearer ",
      "SharedAccessKey ",
      "password=",
      '"password":"\\',
      "eyJ",
      "eyJa.",
      "-----BEGIN ",
    ]) {
      redactText(piece.repeat(20_000));
    }
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe("redact", () => {
  it.each([
    "password",
    "bindPassword",
    "bind.password",
    "PASSWD",
    "pwd",
    "passphrase",
    "keyPassphrase",
    "secret",
    "clientSecret",
    "client_secret",
    "client-secret",
    "token",
    "accessToken",
    "refresh_token",
    "authorization",
    "Proxy-Authorization",
    "connectionString",
    "connection_string",
    "sharedAccessKey",
    "SharedAccessSignature",
    "accountKey",
    "apiKey",
    "x-api-key",
    "privateKey",
    "userPassword",
    "unicodePwd",
    "cookie",
    "set-cookie",
  ])("never shows the value of %s, whatever it is", (key) => {
    for (const value of ["plain", 42, ["plain"], { deeper: "plain" }, Buffer.from("plain")]) {
      expect(redact({ a: { [key]: value } })).toEqual({ a: { [key]: "[redacted]" } });
    }
  });

  it("shows what is no secret", () => {
    const fields = {
      requestId: "r",
      configuration: "c1-x",
      deliveryCount: 2,
      items: [1, "a", null, true, undefined],
      keys: 5,
      monkey: "x",
      tokens: 3,
    };
    expect(redact(fields)).toEqual(fields);
  });

  it("makes of an error its name, code, message, hint and causes", () => {
    const cause = Object.assign(new Error(`connect //u:${"s3cr3tK3y"}@h`), {
      code: "ECONNREFUSED",
    });
    const error = new AgentError("bus.denied", "SharedAccessKey=s3cr3tK3y refused", {
      cause: new AggregateError([cause], "sig=s3cr3tK3y", { cause }),
      hint: "password=s3cr3tK3y",
    });
    Object.assign(error, { request: { body: "s3cr3tK3y" } });
    const redacted = redact({ error });
    const refused = {
      name: "Error",
      message: "connect //u:[redacted]@h",
      code: "ECONNREFUSED",
    };
    expect(redacted).toEqual({
      error: {
        name: "AgentError",
        code: "bus.denied",
        message: "SharedAccessKey=[redacted] refused",
        hint: "password=[redacted]",
        cause: {
          name: "AggregateError",
          message: "sig=[redacted]",
          stack: expect.not.stringContaining("s3cr3tK3y"),
          errors: [refused],
          cause: refused,
        },
      },
    });
  });

  it("shows where a programming error was, its text redacted", () => {
    const redacted = redact(new TypeError("Bearer s3cr3tK3y")) as { stack: string };
    expect(redacted.stack).toContain("redaction.test");
    expect(JSON.stringify(redacted)).not.toContain("s3cr3tK3y");
  });

  it("is finite for whatever refers to itself", () => {
    const circle: Record<string, unknown> = { name: "x" };
    circle["self"] = circle;
    circle["list"] = [circle];
    const error = new Error("a");
    error.cause = error;
    expect(JSON.stringify(redact({ circle, error }))).toContain("[deeper]");
  });

  it("is quick for what is wide and refers to itself", () => {
    const wide: unknown[] = [];
    for (let n = 0; n < 100; n++) wide.push(wide);
    const started = performance.now();
    redact({ wide });
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it.each([
    ["a date", new Date(0), "1970-01-01T00:00:00.000Z"],
    ["a date that is none", new Date(Number.NaN), "Invalid Date"],
    ["a big number", 5n, "5"],
    ["bytes", Buffer.from("plain"), "[5 bytes]"],
    [
      "a URL",
      new URL("ldap://agent:s3cr3tK3y@ldap.example/"),
      "ldap://agent:[redacted]@ldap.example/",
    ],
    ["what knows its JSON", { toJSON: () => ({ password: "x" }) }, { password: "[redacted]" }],
    [
      "what cannot be read",
      {
        toJSON: () => {
          throw new Error("s3cr3tK3y");
        },
      },
      "[unreadable]",
    ],
    ["a long list", Array.from({ length: 101 }, () => 0), Array.from({ length: 100 }, () => 0)],
  ])("prints %s", (_, value, expected) => {
    expect(redact(value)).toEqual(expected);
  });

  it("takes names of the prototype for names", () => {
    const fields = JSON.parse('{"__proto__":{"polluted":1},"constructor":2}');
    const redacted = redact(fields) as object;
    expect(Object.keys(redacted)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(redacted)).toBe(Object.prototype);
  });

  it("never throws and always gives JSON without the secret", () => {
    fc.assert(
      fc.property(
        fc.object({ withBigInt: true, withDate: true, withNullPrototype: true, maxDepth: 4 }),
        fc.constantFrom("password", "token", "connectionString"),
        (fields, key) => {
          const redacted = JSON.stringify(redact({ fields, [key]: SECRET }));
          expect(redacted).not.toContain(SECRET);
          expect(inspect(redacted)).toContain("[redacted]");
        },
      ),
    );
  });
});
