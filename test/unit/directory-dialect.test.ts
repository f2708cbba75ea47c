import { describe, expect, it } from "vitest";
import { parseGuid, printGuid } from "../../agent/core/directory-value/guid.ts";
import { ERROR_CODES } from "../../agent/core/error.ts";
import { DIALECTS } from "../../agent/directory/dialect.ts";
import { checkOptions, type LdapDirectoryOptions } from "../../agent/directory/options.ts";
import { meaningOf, printResult, RESULT_CODES } from "../../agent/directory/result-code.ts";
import { parseServer } from "../../agent/directory/server.ts";

describe("an objectGUID", () => {
  // The pair of MS-DTYP: the first three groups are little-endian, the others as they are.
  const bytes = Uint8Array.from(Buffer.from("33221100554477668899aabbccddeeff", "hex"));
  const guid = "00112233-4455-6677-8899-aabbccddeeff";

  it("is text in the order of its groups, and bytes again", () => {
    expect(printGuid(bytes)).toBe(guid);
    expect(parseGuid(guid)).toEqual(bytes);
    expect(parseGuid(guid.toUpperCase())).toEqual(bytes);
  });

  it("has 16 bytes", () => {
    expect(printGuid(bytes.subarray(1))).toBeUndefined();
    for (const other of ["", "x", guid.slice(1), `{${guid}}`, guid.replaceAll("-", "")]) {
      expect(parseGuid(other)).toBeUndefined();
    }
  });
});

describe("the filter for an id", () => {
  it("is on entryUUID in OpenLDAP", () => {
    expect(DIALECTS.openLdap.idFilter("0A000000-0000-4000-8000-00000000000F")).toEqual({
      kind: "equality",
      attribute: "entryUUID",
      value: "0a000000-0000-4000-8000-00000000000f",
    });
    expect(DIALECTS.openLdap.idFilter("someone")).toBeUndefined();
  });

  it("is on the bytes of objectGUID in Active Directory", () => {
    expect(DIALECTS.activeDirectory.idFilter("00112233-4455-6677-8899-aabbccddeeff")).toEqual({
      kind: "equality",
      attribute: "objectGUID",
      value: Uint8Array.from(Buffer.from("33221100554477668899aabbccddeeff", "hex")),
    });
    expect(DIALECTS.activeDirectory.idFilter("*")).toBeUndefined();
  });
});

describe("an anchor of Active Directory", () => {
  it("is a GUID, or base64 when it has another length", () => {
    const { printAnchor } = DIALECTS.activeDirectory;
    expect(printAnchor(Buffer.from("33221100554477668899aabbccddeeff", "hex"))).toBe(
      "00112233-4455-6677-8899-aabbccddeeff",
    );
    expect(printAnchor(Buffer.from("hello"))).toBe("aGVsbG8=");
  });
});

describe("result codes", () => {
  it("are retried when that is of use, and never end a read as whole by mistake", () => {
    const sorted: Record<string, number[]> = {};
    for (const code of Object.keys(RESULT_CODES).map(Number)) {
      const meaning = meaningOf(code);
      const key =
        meaning.kind === "error"
          ? ERROR_CODES[meaning.code].retryable
            ? "retry"
            : "no retry"
          : meaning.kind;
      sorted[key] = [...(sorted[key] ?? []), code];
    }
    expect(sorted).toEqual({
      success: [0],
      cut: [3, 4, 9, 10, 11, 70],
      retry: [51, 52, 80, 113, 118],
      "no retry": [
        ...[1, 2, 5, 6, 7, 8, 12, 13, 14, 16, 17, 18, 19, 20, 21, 32, 33, 34, 35, 36, 48, 49],
        ...[50, 53, 54, 60, 61, 64, 65, 66, 67, 68, 69, 71, 76, 114, 115, 116, 117, 119, 120],
        ...[121, 122, 123, 4096, 16_654],
      ],
    });
    expect(meaningOf(-1)).toEqual({ kind: "error", code: "directory.refused" });
  });

  it("are printed with a bounded text of the server, on one line", () => {
    const result = { code: 51, matchedDn: "", referrals: [], controls: new Map() };
    expect(printResult({ ...result, diagnostic: "a\u0000\n  b" })).toBe("busy (51): a b");
    expect(printResult({ ...result, diagnostic: "x".repeat(5000) }).length).toBe(311);
  });
});

describe("a server's url", () => {
  it("has a scheme, a host and perhaps a port", () => {
    const read = (url: string) => {
      const { encrypted, local, host, port, socketPath } = parseServer(url);
      return [encrypted, local, host, port, socketPath];
    };
    expect(read("ldaps://dc1.example.com")).toEqual([
      true,
      false,
      "dc1.example.com",
      636,
      undefined,
    ]);
    expect(read("LDAP://localhost:3389/")).toEqual([false, true, "localhost", 3389, undefined]);
    expect(read("ldap://[fe80::1]:389")).toEqual([false, false, "fe80::1", 389, undefined]);
    expect(read("ldapi://%2Frun%2Fslapd")).toEqual([false, true, "localhost", 0, "/run/slapd"]);
  });

  it("is refused without being shown, since it may hold a password", () => {
    for (const url of [
      "dc1",
      "ldap://",
      "http://x",
      "ldap://u:pw@x",
      "ldap://x/dc=x",
      "ldap://x:0",
      "ldap://x:99999",
      "ldapi://%zz",
    ]) {
      expect(() => parseServer(url)).toThrow(
        expect.objectContaining({
          code: "config.invalid",
          message: expect.not.stringMatching(/pw|%zz/),
        }),
      );
    }
  });
});

describe("options", () => {
  const options: LdapDirectoryOptions = {
    name: "hq",
    kind: "openLdap",
    urls: ["ldaps://ldap.example.com"],
    baseDn: "dc=example",
    bind: { dn: "cn=sync", password: () => Promise.resolve("secret") },
  };

  it("have defaults", () => {
    const { servers, tls, bind, ...rest } = checkOptions(options);
    expect(servers.map(({ url }) => url)).toEqual(options.urls);
    expect(bind).toBe(options.bind);
    expect(tls).toBeTypeOf("function");
    expect(rest).toEqual({
      name: "hq",
      kind: "openLdap",
      baseDn: "dc=example",
      startTls: false,
      allowPlaintext: false,
      pageSize: 1000,
      connectTimeoutMs: 10_000,
      operationTimeoutMs: 60_000,
      maxConnections: 4,
      maxMessageBytes: 64 << 20,
      binaryAttributes: [],
      discovery: undefined,
      globalCatalog: false,
      idleTimeoutMs: 60_000,
      timeLimitSeconds: 0,
      sizeLimit: 0,
    });
  });

  it("make the global catalog a matter of ports, unless a url names one", () => {
    const urls = ["ldaps://dc1", "ldap://dc1", "ldaps://dc1:636"];
    const catalog = { kind: "activeDirectory", globalCatalog: true, startTls: true } as const;
    const ports = checkOptions({ ...options, ...catalog, urls }).servers.map(({ port }) => port);
    expect(ports).toEqual([3269, 3268, 636]);
  });

  const wrong: readonly (readonly [Partial<LdapDirectoryOptions>, string])[] = [
    [{ urls: [] }, "urls: at least one is needed"],
    [
      { discovery: { domain: "example.com", site: undefined } },
      "urls: not together with discovery",
    ],
    [{ globalCatalog: true }, "globalCatalog: only Active Directory has one"],
    [{ sizeLimit: -1 }, "sizeLimit: -1 is not a whole number from 0 to 1000000000"],
    [{ pageSize: 0 }, "pageSize: 0 is not a whole number from 1 to 100000"],
    [{ pageSize: 1.5 }, "pageSize: 1.5 is not a whole number from 1 to 100000"],
    [{ maxConnections: 65 }, "maxConnections: 65 is not a whole number from 1 to 64"],
    [
      { connectTimeoutMs: Number.NaN },
      "connectTimeoutMs: NaN is not a whole number from 1 to 86400000",
    ],
    [
      { bind: { dn: "", password: () => Promise.resolve("") } },
      "bind.dn: an account is needed; anonymous reads are not supported",
    ],
  ];
  for (const [change, message] of wrong) {
    it(`are refused: ${message}`, () => {
      expect(() => checkOptions({ ...options, ...change })).toThrow(
        expect.objectContaining({ code: "config.invalid", message }),
      );
    });
  }
});
