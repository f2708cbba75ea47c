import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { type DirectoryConfig, loadConfig, parseConfig } from "../../agent/config/agent-config.ts";
import { findConfig } from "../../agent/config/find-config.ts";
import { AgentError } from "../../agent/core/error.ts";

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

const MAPPING = `version: 1
resourceTypes:
  User: { objectClasses: [person], flows: [{ target: userName, attribute: uid }] }
  Group: { objectClasses: [group], flows: [{ target: displayName, constant: x }] }
`;

const VALUE = "hunter2-Tr0ub4dor";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "config-load-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function written(name: string, content: string, mode = 0o600): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

/** The account of a directory that is signed in to with a password. */
function accountOf(directory: DirectoryConfig | undefined) {
  if (directory === undefined || directory.bind.mechanism === "external") {
    throw new Error("no account");
  }
  return directory.bind;
}

async function refusal(work: Promise<unknown>): Promise<AgentError> {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof AgentError) return error;
  throw error ?? new Error("it was accepted");
}

describe("a small configuration", () => {
  it("gets its defaults, in milliseconds and with absolute paths", async () => {
    const text = `${BASE}log: { file: { directory: logs } }\n`;
    const { config } = await parseConfig(text, { file: "/etc/sync/agent.yaml", env: {} });
    const { bus, directories, ...rest } = config;
    expect(rest).toEqual({
      version: 1,
      agent: { heartbeat: "*/5 * * * *", stopTimeoutMs: 30_000 },
      writes: { enabled: false },
      status: {
        enabled: false,
        listen: { host: "127.0.0.1", port: 9464 },
        allowRemote: false,
      },
      scim: {
        enabled: false,
        listen: { host: "127.0.0.1", port: 8080 },
        allowRemote: false,
        allowPlaintext: false,
        concurrency: 32,
        requestTimeoutMs: 600_000,
        defaultPageSize: 100,
        maxPageSize: 1000,
        cursorTimeoutMs: 600_000,
        snapshotBytes: 67_108_864,
        advertiseCursors: false,
      },
      log: {
        level: "info",
        console: "auto",
        file: { directory: "/etc/sync/logs", maxSize: "20m", maxFiles: "14d" },
        values: false,
      },
    });
    expect(JSON.parse(JSON.stringify(bus))).toEqual({
      connection: { kind: "connectionString", connectionString: "[secret]" },
      requestQueue: "requests",
      replyQueues: ["replies"],
      concurrency: 8,
      requestTimeoutMs: 600_000,
      maxDeliveries: 4,
      clockSkewMs: 30_000,
      transport: "amqp",
      watchdogIntervalMs: 30_000,
    });
    const { mapping, ...directory } = directories[0] ?? expect.fail("no directory");
    expect(mapping.User.objectClasses).toEqual(["inetOrgPerson"]);
    expect(JSON.parse(JSON.stringify(directory))).toEqual({
      name: "company",
      kind: "openLdap",
      urls: ["ldaps://dc1.example.com"],
      baseDn: "dc=example,dc=com",
      bind: { dn: "cn=sync,dc=example,dc=com", password: "[secret]" },
      globalCatalog: false,
      tls: { startTls: false, allowPlaintext: false },
      pageSize: 1000,
      connectTimeoutMs: 5000,
      delta: "auto",
      operationTimeoutMs: 60_000,
      idleTimeoutMs: 60_000,
      sizeLimit: 0,
      timeLimitSeconds: 0,
      maxConnections: 8,
      scope: {
        organizationalUnits: { include: [], exclude: [] },
        groups: [],
        combine: "all",
        clauses: [],
      },
    });
  });

  it("may sign in to the bus in each way", async () => {
    await written("agent.pem", "x");
    const tenantId = "contoso.onmicrosoft.com";
    const clientId = "01234567-89ab-cdef-0123-456789abcdef";
    const credentials = [
      { kind: "default" },
      { kind: "clientCertificate", tenantId, clientId, certificatePath: "agent.pem" },
      { kind: "clientSecret", tenantId, clientId, clientSecret: "${env:CLIENT}" },
    ];
    const connections: unknown[] = [];
    for (const credential of credentials) {
      const { connectionString: _, ...bus } = parse(BASE).bus;
      const namespace = "contoso.servicebus.windows.net";
      const text = stringify({ ...parse(BASE), bus: { ...bus, namespace, credential } });
      const { config } = await parseConfig(text, { file: join(folder, "agent.yaml") });
      connections.push(JSON.parse(JSON.stringify(config.bus.connection)));
    }
    const named = { kind: "namespace", namespace: "contoso.servicebus.windows.net" };
    const [asDefault, asCertificate, asSecret] = credentials;
    expect(connections).toEqual([
      { ...named, credential: asDefault },
      { ...named, credential: { ...asCertificate, certificatePath: join(folder, "agent.pem") } },
      { ...named, credential: { ...asSecret, clientSecret: "[secret]" } },
    ]);
  });

  it("takes a plain connection to loopback, with StartTLS, and when it says so in words", async () => {
    const tls = ["{}", "{ startTls: true }", "{ allowPlaintext: true }"];
    const urls = ["ldap://[::1]:3890", "ldap://dc1", "ldap://dc1"];
    for (const [at, url] of urls.entries()) {
      const text = `${BASE.replace("ldaps://dc1.example.com", url)}    tls: ${tls[at]}\n`;
      const { config } = await parseConfig(text);
      expect(config.directories[0]?.urls).toEqual([url]);
    }
  });

  it("takes a domain in place of urls", async () => {
    const text = BASE.replace(
      'urls: ["ldaps://dc1.example.com"]',
      "domain: ad.example.com\n    site: Oslo",
    );
    const { config } = await parseConfig(text.replace("openLdap", "activeDirectory"));
    const { urls, domain, site } = config.directories[0] ?? expect.fail("no directory");
    expect({ urls, domain, site }).toEqual({
      urls: undefined,
      domain: "ad.example.com",
      site: "Oslo",
    });
    const replaced = await parseConfig(text.replace("openLdap", "activeDirectory"), {
      urls: { company: ["ldap://127.0.0.1:40001"] },
    });
    const [directory] = replaced.config.directories;
    expect([directory?.urls, directory?.domain]).toEqual([["ldap://127.0.0.1:40001"], undefined]);
  });

  it("changes the fingerprint for a global catalog, which knows other entries", async () => {
    const text = BASE.replace("openLdap", "activeDirectory");
    const one = await parseConfig(`${text}    globalCatalog: false\n`);
    const other = await parseConfig(`${text}    globalCatalog: true\n`);
    expect([one.fingerprint === other.fingerprint, (await parseConfig(text)).fingerprint]).toEqual([
      false,
      one.fingerprint,
    ]);
  });

  it("signs in without a password, by certificate or over a socket of this machine", async () => {
    await written("client.crt", "x");
    await written("client.key", VALUE, 0o640);
    const external = BASE.replace(/bind:[\s\S]*(?= {4}mapping)/, "bind: { mechanism: external }\n");
    const keys = ["client.key", "${env:KEY}", "${file:client.key}"];
    for (const [at, key] of keys.entries()) {
      const text = `${external}    tls: { certificate: client.crt, key: "${key}" }\n`;
      const file = join(folder, "agent.yaml");
      const { config, warnings } = await parseConfig(text, { file, env: { KEY: VALUE } });
      const { bind, tls } = config.directories[0] ?? expect.fail("no directory");
      expect(bind).toEqual({ mechanism: "external" });
      expect([tls.certificate, await tls.key?.read()]).toEqual([join(folder, "client.crt"), VALUE]);
      if (process.platform !== "win32") expect(warnings.length).toBe(at === 1 ? 0 : 1);
    }
    const socket = external.replace("ldaps://dc1.example.com", "ldapi://%2Frun%2Fslapd%2Fldapi");
    const { config } = await parseConfig(socket);
    expect(config.directories[0]?.urls).toEqual(["ldapi://%2Frun%2Fslapd%2Fldapi"]);
  });

  it("takes limits of time in whole seconds", async () => {
    for (const [time, seconds] of [
      ["0s", 0],
      ["1500ms", 2],
      ["2m", 120],
    ] as const) {
      const { config } = await parseConfig(`${BASE}    timeLimit: ${time}\n`);
      expect(config.directories[0]?.timeLimitSeconds).toBe(seconds);
    }
  });

  it("takes what Active Directory takes as the name of an account", async () => {
    for (const name of ["sync@example.com", "EXAMPLE\\sync"]) {
      const text = BASE.replace("cn=sync,dc=example,dc=com", name);
      const { config } = await parseConfig(text.replace("openLdap", "activeDirectory"));
      expect(accountOf(config.directories[0]).dn).toBe(name);
    }
  });

  it("reads its secrets from the environment that it was given", async () => {
    const env: Record<string, string> = { PASSWORD: VALUE };
    const { config } = await parseConfig(BASE, { env });
    const { password } = accountOf(config.directories[0]);
    expect(await password.read()).toBe(VALUE);
    env["PASSWORD"] = "rotated";
    expect(await password.read()).toBe("rotated");
  });

  it("prints without its secrets", async () => {
    await written("password", VALUE);
    const text = BASE.replace("${env:PASSWORD}", "${file:password}");
    const file = join(folder, "agent.yaml");
    const loaded = await parseConfig(text, { file, env: { BUS: VALUE } });
    const printed = [
      JSON.stringify(loaded),
      inspect(loaded, { depth: 20, showHidden: true }),
      stringify(JSON.parse(JSON.stringify(loaded))),
    ];
    expect(await accountOf(loaded.config.directories[0]).password.read()).toBe(VALUE);
    for (const print of printed) {
      expect(print).toContain("[secret]");
      expect(print).not.toContain(VALUE);
    }
  });
});

describe("a configuration file", () => {
  it("is read with a byte order mark and Windows line breaks", async () => {
    const path = await written("agent.yaml", `\uFEFF${BASE.replaceAll("\n", "\r\n")}`);
    const { config } = await loadConfig(path);
    expect(config.directories[0]?.name).toBe("company");
  });

  it("that cannot be read is named", async () => {
    await written("utf16.yaml", "");
    await writeFile(join(folder, "utf16.yaml"), `\uFEFF${BASE}`, "utf16le");
    await written("large.yaml", `#${"x".repeat(1024 * 1024)}`);
    const messages: string[] = [];
    for (const name of ["missing.yaml", ".", "utf16.yaml", "large.yaml"]) {
      const error = await refusal(loadConfig(join(folder, name)));
      expect(error.code).toBe("config.invalid");
      messages.push(error.message.replace(folder, "…"));
    }
    expect(messages).toEqual([
      "…/missing.yaml cannot be read (ENOENT)",
      "… is not a file",
      "…/utf16.yaml is not UTF-8 text",
      "…/large.yaml is larger than 1048576 bytes",
    ]);
  });

  it("finds the mapping, authorities and secrets that it names beside itself", async () => {
    await written("own.yaml", MAPPING);
    await written("ca.pem", "x", 0o644);
    await written("password", `${VALUE}\n`);
    const text = BASE.replace("mapping: openldap", "mapping: ./own.yaml\n    tls: { ca: ca.pem }");
    const path = await written("agent.yaml", text.replace("${env:PASSWORD}", "${file:password}"));
    const { config, warnings } = await loadConfig(path);
    const directory = config.directories[0] ?? expect.fail("no directory");
    expect(warnings).toEqual([]);
    expect(directory.tls.ca).toBe(join(folder, "ca.pem"));
    expect(await accountOf(directory).password.read()).toBe(VALUE);
    expect(directory.mapping).toEqual({
      User: {
        objectClasses: ["person"],
        flows: [{ target: "userName", kind: "direct", attribute: "uid" }],
      },
      Group: {
        objectClasses: ["group"],
        flows: [{ target: "displayName", kind: "constant", value: "x" }],
      },
    });
  });

  it.skipIf(process.platform === "win32")(
    "warns about each file with a secret that other accounts may read",
    async () => {
      await written("password", VALUE, 0o640);
      await written("bus", VALUE, 0o604);
      await written("fine", VALUE, 0o600);
      const other = BASE.slice(BASE.indexOf("  - name"))
        .replace("company", "other")
        .replace("${env:PASSWORD}", "${file:fine}");
      const text = BASE.replace("${env:PASSWORD}", "${file:password}") + other;
      const path = await written("agent.yaml", text.replace("${env:BUS}", "${file:bus}"), 0o644);
      const { warnings } = await loadConfig(path);
      expect(warnings.map((warning) => warning.replaceAll(folder, "…"))).toEqual([
        "bus.connectionString: …/bus can be read by other accounts of this machine (mode 604), expected 600",
        "directories[0].bind.password: …/password can be read by other accounts of this machine (mode 640), expected 600",
      ]);
    },
  );

  it("is loaded while its secrets are still missing", async () => {
    const { warnings } = await parseConfig(BASE.replace("${env:BUS}", "${file:/not/there}"));
    expect(warnings).toEqual([]);
  });
});

describe("urls from outside", () => {
  it("take the place of those in the file", async () => {
    const path = await written("agent.yaml", BASE);
    const urls = { company: ["ldap://127.0.0.1:40001"] };
    const { config, fingerprint } = await loadConfig(path, { urls });
    expect(config.directories[0]?.urls).toEqual(["ldap://127.0.0.1:40001"]);
    expect(fingerprint).toBe((await loadConfig(path)).fingerprint);
  });

  it("are checked as those in the file are", async () => {
    const error = await refusal(parseConfig(BASE, { urls: { company: ["ldap://dc1"] } }));
    expect(error.message).toBe(
      "agent.yaml has 1 problem:\n  directories[0].urls[0]: would send the password and all data over the network in clear, expected ldaps://, or tls.startTls: true, or tls.allowPlaintext: true to do it nevertheless (line 9)",
    );
  });

  it("for a directory that there is not are refused", async () => {
    const error = await refusal(parseConfig(BASE, { urls: { other: ["ldaps://dc1"] } }));
    expect(error.message).toBe(
      "agent.yaml has 1 problem:\n  directories: has none named other, whose urls were to be replaced (line 6)",
    );
  });
});

describe("the files that come with the agent", () => {
  it("load: the example", async () => {
    const { config, warnings } = await loadConfig("agent.example.yaml");
    expect(warnings).toEqual([]);
    expect(config.directories[0]?.scope).toEqual({
      organizationalUnits: {
        include: ["ou=People,dc=example,dc=com", "ou=Groups,dc=example,dc=com"],
        exclude: ["ou=Contractors,ou=People,dc=example,dc=com"],
      },
      groups: [],
      combine: "all",
      clauses: [
        { operator: "equals", resourceType: "User", attribute: "l", value: "Berlin" },
        {
          operator: "in",
          resourceType: "User",
          attribute: "employeeType",
          values: ["Employee", "Trainee"],
        },
        { operator: "present", resourceType: "User", attribute: "mail" },
      ],
    });
  });

  it("load: the example with all that stands behind a #", async () => {
    const example = await readFile("agent.example.yaml", "utf8");
    // One space after the # begins a comment, none or two an option.
    const all = example
      .replace(/^( *)#(?! \S)/gm, "$1")
      // What excludes an option that stays, or is what it needs.
      .replace(/^ *(?:connectionString|secondConnectionString):.*\n/gm, "")
      .replace("transport: amqp", "transport: webSocket")
      .replace(/^ *urls:.*\n/m, "")
      .replace("kind: openLdap", "kind: activeDirectory");
    for (const name of [
      "client.crt",
      "client.key",
      "ca.pem",
      "bus-ca.pem",
      "agent.pem",
      "scim.crt",
      "scim.key",
    ])
      await written(name, "x");
    const here = all.replaceAll("/etc/hybrid-sync-agent", folder);
    const { config } = await parseConfig(here, { file: join(folder, "agent.yaml") });
    expect(config.agent.name).toBe("agent-1");
    expect(config.bus.partBytes).toBe(131_072);
    expect(config.bus.connection.kind).toBe("namespace");
    expect(config.scim.tls?.key).toBe(join(folder, "scim.key"));
    expect(config.log.file?.maxFiles).toBe("14d");
    expect(config.directories[0]?.tls.servername).toBe("ldap.example.com");
    expect(config.directories[0]?.site).toBe("Berlin");
    expect(config.directories[0]?.scope.groups).toEqual([
      { dn: "cn=Staff,ou=Groups,dc=example,dc=com", nested: true },
    ]);
  });

  it("load: the demo", async () => {
    const env = { HYBRID_DEMO_BUS: "bus", HYBRID_DEMO_LDAP_PASSWORD: VALUE };
    const { config, warnings } = await loadConfig("config/demo.yaml", { env });
    const directory = config.directories[0] ?? expect.fail("no directory");
    const { connection, requestQueue, replyQueues } = config.bus;
    expect(warnings).toEqual([]);
    expect([connection.kind, requestQueue, replyQueues]).toEqual([
      "connectionString",
      "requests",
      ["replies"],
    ]);
    expect([directory.urls, directory.baseDn, accountOf(directory).dn]).toEqual([
      ["ldap://127.0.0.1:3890"],
      "dc=example,dc=com",
      "cn=sync,dc=example,dc=com",
    ]);
    expect(await accountOf(directory).password.read()).toBe(VALUE);
    expect(directory.scope.organizationalUnits).toEqual({
      include: ["ou=People,dc=example,dc=com", "ou=Groups,dc=example,dc=com"],
      exclude: ["ou=Legal\\, Risk and Compliance,ou=Europe,ou=People,dc=example,dc=com"],
    });
  });
});

describe("the place of the configuration", () => {
  it("is the one that was asked for, then the variable, then the folder", async () => {
    const env = { HYBRID_AGENT_CONFIG: "from-env.yaml" };
    await mkdir(join(folder, "empty"));
    for (const name of ["asked.yaml", "from-env.yaml", "agent.yaml"]) await written(name, BASE);
    expect(await findConfig("asked.yaml", env, folder)).toBe(join(folder, "asked.yaml"));
    expect(await findConfig(undefined, env, folder)).toBe(join(folder, "from-env.yaml"));
    expect(await findConfig(undefined, {}, folder)).toBe(join(folder, "agent.yaml"));
    expect(await findConfig(undefined, { HYBRID_AGENT_CONFIG: "" }, folder)).toBe(
      join(folder, "agent.yaml"),
    );
  });

  it("that was named is not passed over for another", async () => {
    await written("agent.yaml", BASE);
    const env = { HYBRID_AGENT_CONFIG: "from-env.yaml" };
    const asked = await refusal(findConfig("asked.yaml", {}, folder));
    const named = await refusal(findConfig(undefined, env, folder));
    expect([asked.message, named.message].map((text) => text.replace(folder, "…"))).toEqual([
      "no configuration file, looked at:\n  …/asked.yaml (--config)",
      "no configuration file, looked at:\n  …/from-env.yaml (HYBRID_AGENT_CONFIG)",
    ]);
  });

  it("is told with all that were looked at when there is none", async () => {
    const error = await refusal(findConfig(undefined, {}, folder));
    expect([error.code, error.message.replace(folder, "…"), error.hint]).toEqual([
      "config.invalid",
      "no configuration file, looked at:\n  …/agent.yaml (current folder)\n  /etc/hybrid-sync-agent/agent.yaml (this machine)",
      "copy agent.example.yaml and say where it is with --config",
    ]);
  });

  it("is found even when it cannot be read, so that the reason is said", async () => {
    await symlink("agent.yaml", join(folder, "agent.yaml"));
    const path = await findConfig(undefined, {}, folder);
    expect((await refusal(loadConfig(path))).message).toBe(
      `${join(folder, "agent.yaml")} cannot be read (ELOOP)`,
    );
  });
});

describe("the fingerprint of a configuration", () => {
  async function fingerprint(text: string): Promise<string> {
    return (await parseConfig(text, { file: join(folder, "agent.yaml") })).fingerprint;
  }

  it("is a short text, the same tomorrow", async () => {
    await written("own.yaml", MAPPING);
    expect(await fingerprint(BASE.replace("mapping: openldap", "mapping: own.yaml"))).toBe(
      "c1-5b858d0eb09c1fa1",
    );
  });

  it("stays when the order of options, comments, secrets, servers, the bus or logs change", async () => {
    const turned = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(turned);
      if (typeof value !== "object" || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, member]) => [key, turned(member)]),
      );
    };
    const texts = [
      stringify(turned(parse(BASE))),
      `# comment\n${BASE}# comment\n`,
      BASE.replace("${env:PASSWORD}", "${env:OTHER}"),
      BASE.replace("dc1.example.com", "dc2.example.com"),
      BASE.replace("cn=sync", "cn=other"),
      BASE.replace("requestQueue: requests", "requestQueue: other"),
      `${BASE}log: { level: debug }\n`,
      `${BASE}    pageSize: 10\n`,
      `${BASE}    scope: {}\n`,
    ];
    const expected = await fingerprint(BASE);
    for (const text of texts) expect(await fingerprint(text)).toBe(expected);
  });

  it("changes with all that decides answers", async () => {
    await written("own.yaml", MAPPING);
    await written("other.yaml", MAPPING.replace("uid", "mail"));
    const scopes = [
      'organizationalUnits: { include: ["ou=a,dc=example,dc=com"] }',
      'organizationalUnits: { exclude: ["ou=a,dc=example,dc=com"] }',
      'groups: [{ dn: "cn=a" }]',
      'groups: [{ dn: "cn=a", nested: true }]',
      "combine: any",
      "clauses: [{ attribute: mail, operator: present }]",
      "clauses: [{ attribute: mail, operator: present, resourceType: Group }]",
    ];
    const texts = [
      BASE,
      BASE.replace("openLdap", "activeDirectory"),
      BASE.replace("baseDn: dc=example", "baseDn: dc=other"),
      BASE.replace("mapping: openldap", "mapping: own.yaml"),
      BASE.replace("mapping: openldap", "mapping: other.yaml"),
      BASE.replace("name: company", "name: other"),
      BASE + BASE.slice(BASE.indexOf("  - name")).replace("company", "second"),
      ...scopes.map((scope) => `${BASE}    scope: { ${scope} }\n`),
    ];
    const fingerprints = new Set<string>();
    for (const text of texts) fingerprints.add(await fingerprint(text));
    expect(fingerprints.size).toBe(texts.length);
  });
});
