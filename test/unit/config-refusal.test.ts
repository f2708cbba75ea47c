import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { MAX_CONFIG_BYTES, parseConfig } from "../../agent/config/agent-config.ts";
import { AgentError } from "../../agent/core/error.ts";

/** Lines are counted by the tests below. */
const BASE = `version: 1
bus:
  connectionString: \${env:BUS}
  requestQueue: requests
  replyQueues: [replies]
directories:
  - name: company
    kind: openLdap
    urls: ["ldaps://dc1.example.com"]
    baseDn: dc=example,dc=com
    bind:
      dn: cn=sync,dc=example,dc=com
      password: \${env:PASSWORD}
    mapping: openldap
`;

type Path = readonly (string | number)[];

/** The base with these options set; undefined takes one out. */
function edited(...edits: readonly (readonly [Path, unknown])[]): string {
  const document = parseDocument(BASE);
  for (const [path, value] of edits) {
    if (value === undefined) document.deleteIn(path);
    else document.setIn(path, document.createNode(value));
  }
  return document.toString({ lineWidth: 0 });
}

async function refusal(text: string): Promise<AgentError> {
  const error = await parseConfig(text, { file: "/etc/agent.yaml", env: {} }).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof AgentError) return error;
  throw error ?? new Error("the configuration was accepted");
}

/** Problems without the head line and the line numbers. */
async function problems(text: string): Promise<readonly string[]> {
  const [head, ...lines] = (await refusal(text)).message.split("\n");
  expect(head).toMatch(/^\/etc\/agent\.yaml (has \d+ problems?|is not valid YAML):$/);
  return lines.map((line) => line.trim().replace(/ \(line \d+\)$/, ""));
}

const FIRST = ["directories", 0] as const;
const UNITS = [...FIRST, "scope", "organizationalUnits"] as const;
const TENANT = "contoso.onmicrosoft.com";
const GUID = "01234567-89ab-cdef-0123-456789abcdef";

describe("the configuration that the refusals start from", () => {
  it("is accepted", async () => {
    const { warnings } = await parseConfig(BASE, { env: {} });
    expect(warnings).toEqual([]);
  });
});

describe("a typo", () => {
  it.each<[Path, string]>([
    [["agnet"], "agnet: is no option, expected agent"],
    [["bus", "requestQueues"], "bus.requestQueues: is no option, expected requestQueue"],
    [["bus", "Concurrency"], "bus.Concurrency: is no option, expected concurrency"],
    [[...FIRST, "pagesize"], "directories[0].pagesize: is no option, expected pageSize"],
    [
      [...FIRST, "bind", "passwrod"],
      "directories[0].bind.passwrod: is no option, expected password",
    ],
    [
      [...FIRST, "bind", "user"],
      "directories[0].bind.user: is no option, expected one of mechanism, dn, password",
    ],
    [
      [...UNITS, "included"],
      "directories[0].scope.organizationalUnits.included: is no option, expected include",
    ],
    [
      ["log", "file", "path"],
      "log.file.path: is no option, expected one of directory, maxSize, maxFiles",
    ],
    [
      ["__proto__"],
      "__proto__: is no option, expected one of version, agent, bus, directories, writes, status, scim, log",
    ],
    [
      ["x".repeat(100)],
      `${"x".repeat(64)}…: is no option, expected one of version, agent, bus, directories, writes, status, scim, log`,
    ],
    [
      ["a\u001bb\n"],
      '"a\\u001bb\\n": is no option, expected one of version, agent, bus, directories, writes, status, scim, log',
    ],
  ])("at %j is an error with its path", async (path, message) => {
    const edits: [Path, unknown][] = [[path, "x"]];
    if (path[0] === "log") edits.push([["log", "file", "directory"], "/x"]);
    expect(await problems(edited(...edits))).toEqual([message]);
  });

  it("is told with its line", async () => {
    const error = await refusal(BASE.replace("requestQueue", "requestQeue"));
    expect([error.code, error.exit, error.message, error.hint]).toEqual([
      "config.invalid",
      78,
      "/etc/agent.yaml has 2 problems:\n" +
        "  bus.requestQueue: is missing, expected the name of a queue: letters, digits, periods, hyphens, underscores and slashes (line 2)\n" +
        "  bus.requestQeue: is no option, expected requestQueue (line 4)",
      "config/README.md lists every option",
    ]);
  });
});

describe("one report", () => {
  it("has all problems, those between options too, in the order of the file", async () => {
    const text = `version: 1
agnet: {}
bus:
  connectionString: hunter2
  requestQueue: a
  replyQueues: [A]
  concurrency: 65
directories:
  - name: company
    kind: openLdap
    urls: [ldap://dc1]
    baseDn: dc=example,dc=com
    bind: {dn: sync@example.com, password: hunter2}
    scope:
      organizationalUnits: {include: ["ou=a,dc=com"], exclude: [x]}
    mapping: openlpad
writes: {enabled: true}
`;
    expect((await refusal(text)).message.split("\n")).toEqual([
      "/etc/agent.yaml has 11 problems:",
      "  agnet: is no option, expected agent (line 2)",
      "  bus.connectionString: is not a reference, expected ${env:NAME} or ${file:/path}: secrets do not stand in this file (line 4)",
      "  bus.replyQueues[0]: is the request queue, expected another: replies would come back as requests (line 6)",
      "  bus.concurrency: is too large, expected a whole number from 1 to 64 (line 7)",
      "  directories[0].urls[0]: would send the password and all data over the network in clear, expected ldaps://, or tls.startTls: true, or tls.allowPlaintext: true to do it nevertheless (line 11)",
      "  directories[0].bind.password: is not a reference, expected ${env:NAME} or ${file:/path}: secrets do not stand in this file (line 13)",
      "  directories[0].bind.dn: is malformed, expected a DN such as cn=sync,dc=example,dc=com (line 13)",
      "  directories[0].scope.organizationalUnits.exclude[0]: is malformed, expected a distinguished name such as ou=People,dc=example,dc=com (line 15)",
      "  directories[0].scope.organizationalUnits.include[0]: is outside the base, expected a DN that ends in dc=example,dc=com (line 15)",
      "  directories[0].mapping: is no mapping that comes with the agent, expected active-directory, openldap or a path with / or .yaml (line 16)",
      "  writes.enabled: is true, expected false: this version only reads directories (line 17)",
    ]);
  });

  it("ends after fifty problems", async () => {
    const names = Array.from({ length: 60 }, (_, at): [Path, unknown] => [[`option${at}`], 1]);
    const lines = await problems(edited(...names));
    expect([lines.length, lines.at(-1)]).toEqual([51, "and 10 more"]);
  });

  it("is made for a file that is empty, a list or text", async () => {
    const form =
      "expected a section with version, agent, bus, directories, writes, status, scim, log";
    expect(await problems("")).toEqual([`(top): is empty, ${form}`]);
    expect(await problems("- a")).toEqual([`(top): is a list, ${form}`]);
    expect(await problems("a")).toEqual([`(top): is text, ${form}`]);
  });
});

describe("what is refused, and with which words", () => {
  it.each<[string, readonly (readonly [Path, unknown])[], readonly string[]]>([
    ["no version", [[["version"], undefined]], ["version: is missing, expected 1"]],
    ["another version", [[["version"], 2]], ["version: is not known, expected 1"]],
    [
      "a heartbeat that is no schedule",
      [[["agent", "heartbeat"], "hourly"]],
      [
        'agent.heartbeat: is malformed, expected a cron expression of five or six fields, in quotes, such as "*/5 * * * *"',
      ],
    ],
    [
      "clauses whose values make no sense",
      [
        [
          [...FIRST, "scope", "clauses"],
          [
            { attribute: "title", operator: "matches", value: "(" },
            { attribute: "uidNumber", operator: "greaterThan", value: "ten" },
            { attribute: "userAccountControl", operator: "hasBits", value: "two" },
          ],
        ],
      ],
      [
        "directories[0].scope.clauses[0].value: not a pattern: a ( without ) (character 2)",
        "directories[0].scope.clauses[1].value: the value must be an integer",
        "directories[0].scope.clauses[2].value: is no number of bits, expected 1 or more",
      ],
    ],
    [
      "a delta of another kind of directory",
      [[[...FIRST, "delta"], "dirSync"]],
      [
        "directories[0].delta: is not for openLdap, expected auto, syncRepl, accessLog, entryCsn, modifyTimestamp or none",
      ],
    ],
    [
      "a duration without unit",
      [[["agent", "stopTimeout"], 30]],
      [
        "agent.stopTimeout: is a number, expected a duration such as 500ms, 30s, 10m or 1h, from 0s to 1h",
      ],
    ],
    [
      "a duration in words",
      [[["bus", "clockSkew"], "half a minute"]],
      [
        "bus.clockSkew: is malformed, expected a duration such as 500ms, 30s, 10m or 1h, from 0s to 10m",
      ],
    ],
    [
      "a duration beyond the limit",
      [[["bus", "requestTimeout"], "25h"]],
      ["bus.requestTimeout: is 25h, expected from 1s to 24h"],
    ],
    [
      "a bus without sign-in",
      [[["bus", "connectionString"], undefined]],
      ["bus: has neither, expected exactly one of connectionString and namespace"],
    ],
    [
      "a bus with two ways to sign in",
      [
        [["bus", "namespace"], "contoso.servicebus.windows.net"],
        [["bus", "credential"], { kind: "default" }],
      ],
      ["bus: has both, expected exactly one of connectionString and namespace"],
    ],
    [
      "a namespace without credential",
      [
        [["bus", "connectionString"], undefined],
        [["bus", "namespace"], "contoso.servicebus.windows.net"],
      ],
      ["bus.credential: is missing, expected how to sign in to the namespace"],
    ],
    [
      "a credential without namespace",
      [[["bus", "credential"], { kind: "default" }]],
      ["bus.credential: is of no use without namespace, expected both or neither"],
    ],
    [
      "a namespace as a URL",
      [
        [["bus", "connectionString"], undefined],
        [["bus", "namespace"], "sb://contoso.servicebus.windows.net"],
        [["bus", "credential"], { kind: "default" }],
      ],
      [
        "bus.namespace: is malformed, expected a host name such as contoso.servicebus.windows.net, without sb://",
      ],
    ],
    [
      "credentials of no known kind, and of none",
      [
        [["bus", "connectionString"], undefined],
        [["bus", "namespace"], "contoso.servicebus.windows.net"],
        [["bus", "credential"], { kind: "password" }],
      ],
      [
        "bus.credential.kind: is not known, expected one of default, clientCertificate, clientSecret",
      ],
    ],
    [
      "a credential that lacks its parts",
      [
        [["bus", "connectionString"], undefined],
        [["bus", "namespace"], "contoso.servicebus.windows.net"],
        [
          ["bus", "credential"],
          { kind: "clientSecret", tenantId: TENANT, clientId: "x", clientSecret: "hunter2" },
        ],
      ],
      [
        "bus.credential.clientId: is malformed, expected the application (client) id, a GUID",
        "bus.credential.clientSecret: is not a reference, expected ${env:NAME} or ${file:/path}: secrets do not stand in this file",
      ],
    ],
    [
      "a credential as text",
      [
        [["bus", "connectionString"], undefined],
        [["bus", "namespace"], "contoso.servicebus.windows.net"],
        [["bus", "credential"], "default"],
      ],
      [
        "bus.credential: is text, expected a section with kind: one of default, clientCertificate, clientSecret",
      ],
    ],
    [
      "no queue to reply to",
      [[["bus", "replyQueues"], []]],
      ["bus.replyQueues: has too few, expected a list of 1 to 32 names of queues"],
    ],
    [
      "a reply queue that is given twice",
      [
        [
          ["bus", "replyQueues"],
          ["replies", "Replies"],
        ],
      ],
      ["bus.replyQueues[1]: is the same as number 1 of the list, expected each once"],
    ],
    [
      "a part that nothing fits in",
      [[["bus", "partBytes"], 100]],
      ["bus.partBytes: is too small, expected a whole number from 8192 to 104857600"],
    ],
    [
      "a second key without a first",
      [
        [["bus", "connectionString"], undefined],
        [["bus", "secondConnectionString"], "${env:SECOND}"],
        [["bus", "namespace"], "contoso.servicebus.windows.net"],
        [["bus", "credential"], { kind: "default" }],
      ],
      ["bus.secondConnectionString: is of no use without connectionString, expected both"],
    ],
    [
      "a second key itself",
      [[["bus", "secondConnectionString"], "Endpoint=sb://x"]],
      [
        "bus.secondConnectionString: is not a reference, expected ${env:NAME} or ${file:/path}: secrets do not stand in this file",
      ],
    ],
    [
      "what only WebSockets have",
      [
        [["bus", "proxy"], "http://proxy:3128"],
        [["bus", "ca"], "/etc/hosts"],
      ],
      [
        "bus.proxy: is of no use with transport: amqp, expected transport: webSocket",
        "bus.ca: is of no use with transport: amqp, expected transport: webSocket, or NODE_EXTRA_CA_CERTS in the environment of the agent's service",
      ],
    ],
    [
      "a proxy with its password",
      [
        [["bus", "transport"], "webSocket"],
        [["bus", "proxy"], "http://agent:hunter2@proxy:3128"],
      ],
      ["bus.proxy: is malformed, expected http://host:port, without user and password"],
    ],
    [
      "a password without a proxy, and a transport of no known kind",
      [
        [["bus", "transport"], "tcp"],
        [["bus", "proxyCredential"], "${env:PROXY}"],
      ],
      [
        "bus.transport: is not known, expected one of amqp, webSocket",
        "bus.proxyCredential: is of no use without proxy, expected both",
      ],
    ],
    [
      "queues with two purposes",
      [
        [["bus", "writeQueue"], "Requests"],
        [["bus", "heartbeatQueue"], "replies"],
      ],
      [
        "bus.writeQueue: is the request queue, expected another",
        "bus.replyQueues[0]: is the heartbeat queue, expected another",
      ],
    ],
    [
      "a watchdog that never rests",
      [[["bus", "watchdogInterval"], "100ms"]],
      ["bus.watchdogInterval: is 100ms, expected from 500ms to 10m"],
    ],
    [
      "half a request at a time",
      [[["bus", "concurrency"], 1.5]],
      ["bus.concurrency: is a number, expected a whole number from 1 to 64"],
    ],
    [
      "more deliveries than a queue makes",
      [[["bus", "maxDeliveries"], 2000]],
      ["bus.maxDeliveries: is too large, expected a whole number from 1 to 1999"],
    ],
    [
      "no directory",
      [[["directories"], []]],
      ["directories: has too few, expected a list of 1 to 32 directories"],
    ],
    [
      "a directory of another kind",
      [[[...FIRST, "kind"], "ldap"]],
      ["directories[0].kind: is not known, expected one of activeDirectory, openLdap"],
    ],
    [
      "a plain connection to another machine",
      [
        [
          [...FIRST, "urls"],
          ["ldap://127.0.0.1", "ldap://10.0.0.1:389"],
        ],
      ],
      [
        "directories[0].urls[1]: would send the password and all data over the network in clear, expected ldaps://, or tls.startTls: true, or tls.allowPlaintext: true to do it nevertheless",
      ],
    ],
    [
      "StartTLS on top of TLS",
      [[[...FIRST, "tls", "startTls"], true]],
      [
        "directories[0].urls[0]: is ldaps://, expected ldap:// with tls.startTls, or ldaps:// without it",
      ],
    ],
    [
      "a URL with a path",
      [[[...FIRST, "urls", 0], "ldaps://dc1/dc=example,dc=com"]],
      [
        "directories[0].urls[0]: is malformed, expected ldaps://host or ldap://host, with :port if it is not the standard one, or ldapi://%2Fpath",
      ],
    ],
    [
      "a URL that is given twice",
      [
        [
          [...FIRST, "urls"],
          ["ldaps://dc1", "ldaps://DC1"],
        ],
      ],
      ["directories[0].urls[1]: is the same as number 1 of the list, expected each once"],
    ],
    [
      "yes for true",
      [[[...FIRST, "tls", "allowPlaintext"], "yes"]],
      ["directories[0].tls.allowPlaintext: is text, expected true or false"],
    ],
    [
      "a base that is no DN",
      [[[...FIRST, "baseDn"], "example.com"]],
      [
        "directories[0].baseDn: is malformed, expected a distinguished name such as ou=People,dc=example,dc=com",
      ],
    ],
    [
      "a base of nothing",
      [[[...FIRST, "baseDn"], "  "]],
      [
        "directories[0].baseDn: is malformed, expected a distinguished name such as ou=People,dc=example,dc=com",
      ],
    ],
    [
      "no servers",
      [[[...FIRST, "urls"], undefined]],
      [
        "directories[0].urls: is missing, expected a list of ldaps://host or ldap://host, with :port if it is not the standard one, or ldapi://%2Fpath; or domain instead",
      ],
    ],
    [
      "urls and a domain, with a site that OpenLDAP does not have",
      [
        [[...FIRST, "domain"], "example.com"],
        [[...FIRST, "site"], "Oslo"],
        [[...FIRST, "globalCatalog"], true],
      ],
      [
        "directories[0].domain: is given together with urls, expected one of both",
        "directories[0].site: is of Active Directory, expected it with kind: activeDirectory",
        "directories[0].globalCatalog: is of Active Directory, expected it with kind: activeDirectory",
      ],
    ],
    [
      "a site without a domain",
      [
        [[...FIRST, "kind"], "activeDirectory"],
        [[...FIRST, "site"], "Oslo"],
      ],
      ["directories[0].site: is given without domain, expected both"],
    ],
    [
      "a key without its certificate",
      [[[...FIRST, "tls", "key"], "client.key"]],
      ["directories[0].tls.certificate: is missing, expected it with tls.key"],
    ],
    [
      "a key that is half a reference",
      [
        [[...FIRST, "tls", "certificate"], "client.crt"],
        [[...FIRST, "tls", "key"], "${env:KEY"],
      ],
      ["directories[0].tls.key: is malformed, expected a path, ${env:NAME} or ${file:/path}"],
    ],
    [
      "a certificate that nobody would ask for",
      [
        [
          [...FIRST, "urls"],
          ["ldaps://dc1", "ldap://127.0.0.1"],
        ],
        [[...FIRST, "bind"], { mechanism: "external" }],
        [[...FIRST, "tls"], { certificate: "client.crt", key: "client.key" }],
      ],
      [
        "directories[0].urls[1]: cannot be signed in to with bind.mechanism: external, expected ldapi://, or ldaps:// or tls.startTls together with tls.certificate",
      ],
    ],
    [
      "a sign-in with a certificate that is not given",
      [
        [[...FIRST, "urls"], undefined],
        [[...FIRST, "domain"], "example.com"],
        [[...FIRST, "bind"], { mechanism: "external" }],
      ],
      ["directories[0].tls.certificate: is missing, expected it with bind.mechanism: external"],
    ],
    [
      "an unknown way to sign in",
      [[[...FIRST, "bind", "mechanism"], "gssapi"]],
      ["directories[0].bind.mechanism: is not known, expected one of simple, external"],
    ],
    [
      "an anonymous bind",
      [[[...FIRST, "bind", "dn"], ""]],
      ["directories[0].bind.dn: is empty, expected the DN of the agent's account"],
    ],
    [
      "a password with digits alone",
      [[[...FIRST, "bind", "password"], 12345]],
      [
        "directories[0].bind.password: is not a reference, expected ${env:NAME} or ${file:/path}: secrets do not stand in this file",
      ],
    ],
    [
      "no password",
      [[[...FIRST, "bind", "password"], undefined]],
      ["directories[0].bind.password: is missing, expected ${env:NAME} or ${file:/path}"],
    ],
    [
      "an organizational unit outside the base",
      [[[...UNITS, "include"], ["ou=People,dc=example,dc=org"]]],
      [
        "directories[0].scope.organizationalUnits.include[0]: is outside the base, expected a DN that ends in dc=example,dc=com",
      ],
    ],
    [
      "an organizational unit that is included twice",
      [
        [
          [...UNITS, "include"],
          ["ou=A,dc=example,dc=com", "OU=a, DC=Example, DC=com"],
        ],
      ],
      [
        "directories[0].scope.organizationalUnits.include[1]: is the same as number 1 of the list, expected each once",
      ],
    ],
    [
      "an organizational unit that is included and excluded",
      [
        [[...UNITS, "include"], ["ou=A,dc=example,dc=com"]],
        [[...UNITS, "exclude"], ["OU=a,dc=example,dc=com"]],
      ],
      [
        "directories[0].scope.organizationalUnits.exclude[0]: is also in include, expected it in one of both",
      ],
    ],
    [
      "a group that is given twice",
      [
        [
          [...FIRST, "scope", "groups"],
          [{ dn: "cn=a,dc=b" }, { dn: "CN=A,dc=b", nested: true }],
        ],
      ],
      [
        "directories[0].scope.groups[1].dn: is the same as number 1 of the list, expected each once",
      ],
    ],
    [
      "a clause that cannot be evaluated",
      [
        [
          [...FIRST, "scope", "clauses"],
          [
            { attribute: "mail" },
            { attribute: "mail", operator: "contains", value: "x" },
            { attribute: "mail;lang-de", operator: "present" },
            { attribute: "mail", operator: "present", value: "x" },
            { attribute: "mail", operator: "in", values: ["a", "a"] },
            { attribute: "mail", operator: "equals", value: 7 },
          ],
        ],
      ],
      [
        "directories[0].scope.clauses[0].operator: is missing, expected one of equals, notEquals, in, present, absent, isTrue, isFalse, matches, notMatches, greaterThan, greaterThanOrEquals, includes, endsWith, within, notWithin, hasBits, lacksBits",
        "directories[0].scope.clauses[1].operator: is not known, expected one of equals, notEquals, in, present, absent, isTrue, isFalse, matches, notMatches, greaterThan, greaterThanOrEquals, includes, endsWith, within, notWithin, hasBits, lacksBits",
        "directories[0].scope.clauses[2].attribute: is malformed, expected the name of an LDAP attribute, without options",
        "directories[0].scope.clauses[3].value: is no option, expected one of operator, resourceType, attribute",
        "directories[0].scope.clauses[4].values[1]: is the same as number 1 of the list, expected each once",
        "directories[0].scope.clauses[5].value: is a number, expected a value (text, in quotes where YAML would read another type)",
      ],
    ],
    [
      "writes",
      [[["writes", "enabled"], true]],
      ["writes.enabled: is true, expected false: this version only reads directories"],
    ],
    [
      "SCIM over HTTP without a token",
      [[["scim", "enabled"], true]],
      ["scim.token: is missing, expected a secret reference: every request has to carry the token"],
    ],
    [
      "a token of SCIM that stands in the file",
      [[["scim", "token"], "the-token-itself-0123456789"]],
      [
        "scim.token: is not a reference, expected ${env:NAME} or ${file:/path}: secrets do not stand in this file",
      ],
    ],
    [
      "SCIM for other machines",
      [[["scim", "listen"], "0.0.0.0:8080"]],
      [
        "scim.listen: can be reached from other machines, expected 127.0.0.1, or scim.allowRemote: true to let them ask with the token",
      ],
    ],
    [
      "SCIM for other machines without TLS",
      [
        [["scim", "listen"], "[::]:8080"],
        [["scim", "allowRemote"], true],
      ],
      [
        "scim.tls: is missing, expected certificate and key, since token and people's data would cross the network in clear, or scim.allowPlaintext: true to accept that",
      ],
    ],
    [
      "pages that are larger than they may be",
      [
        [["scim", "defaultPageSize"], 200],
        [["scim", "maxPageSize"], 50],
        [["scim", "cursorTimeout"], "1ms"],
      ],
      [
        "scim.cursorTimeout: is 1ms, expected from 1s to 24h",
        "scim.defaultPageSize: is 200, expected at most scim.maxPageSize, which is 50",
      ],
    ],
    [
      "status for other machines",
      [[["status", "listen"], "0.0.0.0:9464"]],
      [
        "status.listen: can be reached from other machines, expected 127.0.0.1, or status.allowRemote: true to let them read it without signing in",
      ],
    ],
    [
      "status without host",
      [[["status", "listen"], ":9464"]],
      ["status.listen: is malformed, expected host:port such as 127.0.0.1:9464"],
    ],
    [
      "status on a port that there is not",
      [[["status", "listen"], "127.0.0.1:99999"]],
      ["status.listen: is malformed, expected host:port such as 127.0.0.1:9464"],
    ],
    [
      "a section without options",
      [[["log"], null]],
      ["log: is empty, expected a section with level, console, file, values"],
    ],
    [
      "log files that are wrong in every way",
      [[["log", "file"], { directory: 7, maxSize: "20", maxFiles: 14 }]],
      [
        "log.file.directory: is a number, expected a path",
        "log.file.maxSize: is malformed, expected a size such as 500k, 20m or 1g",
        "log.file.maxFiles: is a number, expected a number of days such as 14d",
      ],
    ],
    [
      "files that are not there",
      [
        [["bus", "connectionString"], undefined],
        [["bus", "namespace"], "contoso.servicebus.windows.net"],
        [
          ["bus", "credential"],
          { kind: "clientCertificate", tenantId: TENANT, clientId: GUID, certificatePath: "a.pem" },
        ],
        [[...FIRST, "tls", "ca"], "ca.pem"],
        [[...FIRST, "mapping"], "./own.yaml"],
      ],
      [
        "directories[0].mapping: /etc/own.yaml cannot be read (ENOENT), expected a mapping file",
        "directories[0].tls.ca: /etc/ca.pem cannot be read (ENOENT), expected a PEM file",
        "bus.credential.certificatePath: /etc/a.pem cannot be read (ENOENT), expected a PEM file",
      ],
    ],
  ])("%s", async (_name, edits, messages) => {
    expect(new Set(await problems(edited(...edits)))).toEqual(new Set(messages));
  });

  it("two directories with the same name", async () => {
    const twice = BASE + BASE.slice(BASE.indexOf("  - name")).replace("company", "Company");
    expect(await problems(twice)).toEqual([
      "directories[1].name: is the same as number 1 of the list, expected each once",
    ]);
  });
});

describe("YAML that cannot be read", () => {
  it.each([
    [
      "an option twice",
      `${BASE}version: 1\n`,
      "line 15, column 1: the option is given twice, expected it once",
    ],
    [
      "an unquoted cron expression",
      `${BASE}agent:\n  heartbeat: */5 * * * *\n`,
      "line 16, column 18: this is not expected here, perhaps a value needs quotes",
    ],
    [
      "a password that looks like an alias",
      BASE.replace("${env:PASSWORD}", "*hunter2"),
      "line 13, column 17: a value that starts with * or & is an alias or an anchor, expected it in quotes",
    ],
    [
      "a password that looks like a tag",
      BASE.replace("${env:PASSWORD}", "!hunter2"),
      "line 13, column 17: a value that starts with ! is a tag, expected it in quotes",
    ],
    [
      "a password with an open quote",
      BASE.replace("${env:PASSWORD}", '"hunter2'),
      "line 15, column 1: a colon, comma, space, bracket or closing quote is missing",
    ],
    [
      "a password with an escape",
      BASE.replace("${env:PASSWORD}", '"hunter2\\q"'),
      "line 13, column 25: unknown escape after a backslash, expected single quotes or a doubled backslash",
    ],
    [
      "a password with a colon",
      BASE.replace("${env:PASSWORD}", "hunter2: x"),
      "line 13, column 17: two options on one line, or a value with a colon that needs quotes",
    ],
    [
      "a second document",
      `${BASE}---\nversion: 1\n`,
      "line 15, column 1: a second document starts here (---), expected one",
    ],
    [
      "a tab",
      BASE.replace("  requestQueue", "\trequestQueue"),
      "line 4, column 1: a tab indents this line, expected spaces",
    ],
  ])("%s", async (_name, text, message) => {
    const error = await refusal(text);
    expect(error.message.split("\n").slice(0, 2)).toEqual([
      "/etc/agent.yaml is not valid YAML:",
      `  ${message}`,
    ]);
    expect(inspect(error)).not.toContain("hunter2");
  });

  it.each([
    ["lists within lists", "[".repeat(250_000)],
    ["sections within sections", "{a: ".repeat(100_000)],
    ["dashes after dashes", "- ".repeat(250_000)],
    [
      "deeper and deeper",
      Array.from({ length: 1000 }, (_, at) => `${" ".repeat(at)}a:`).join("\n"),
    ],
  ])("is refused before it ends the process: %s", async (_name, text) => {
    expect((await refusal(text)).message).toBe(
      "/etc/agent.yaml is not valid YAML: sections are nested too deeply",
    );
  });

  it("is refused when aliases multiply it", async () => {
    const levels = Array.from({ length: 8 }, (_, at) => {
      return `l${at + 1}: &l${at + 1} [${`*l${at}, `.repeat(10)}x]`;
    });
    expect((await refusal(`l0: &l0 x\n${levels.join("\n")}\n`)).message).toBe(
      "/etc/agent.yaml repeats itself too often through aliases (*name)",
    );
  });

  it("is refused when it is larger than 1 MiB", async () => {
    const text = `${BASE}# ${"x".repeat(MAX_CONFIG_BYTES)}`;
    expect((await refusal(text)).message).toBe("/etc/agent.yaml is larger than 1048576 bytes");
  });
});
