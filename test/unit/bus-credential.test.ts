import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ClientCertificateCredential,
  ClientSecretCredential,
  DefaultAzureCredential,
} from "@azure/identity";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { createBusClient, createTokenCredential } from "../../agent/bus/bus-connection.ts";
import { parseConfig } from "../../agent/config/agent-config.ts";
import { readBusCredential, readBusCredentials } from "../../agent/service/bus-credential.ts";

const BASE = parse(`version: 1
bus:
  requestQueue: requests
  replyQueues: [replies]
directories:
  - name: company
    kind: openLdap
    urls: ["ldaps://dc1.example.com"]
    baseDn: dc=example,dc=com
    bind: { dn: "cn=sync,dc=example,dc=com", password: "\${env:PASSWORD}" }
    mapping: openldap
`);
const NAMESPACE = "contoso.servicebus.windows.net";
const TENANT = "contoso.onmicrosoft.com";
const CLIENT = "01234567-89ab-cdef-0123-456789abcdef";
const APPLICATION = { namespace: NAMESPACE, tenantId: TENANT, clientId: CLIENT };

let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bus-credential-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function busOf(options: object) {
  env = {
    FIRST: "first-string",
    SECOND: "second-string",
    CLIENT: "client-secret",
    PROXY: "u:p@:1",
  };
  const text = stringify({ ...BASE, bus: { ...BASE.bus, ...options } });
  const { config } = await parseConfig(text, { file: join(folder, "agent.yaml"), env });
  return config.bus;
}

describe("the credentials of the bus", () => {
  it("are connection strings by the names of their options, read anew each time", async () => {
    const bus = await busOf({
      connectionString: "${env:FIRST}",
      secondConnectionString: "${env:SECOND}",
    });
    const of = (first: string, second: string) => [
      {
        name: "bus.connectionString",
        credential: { kind: "connectionString", connectionString: first },
      },
      {
        name: "bus.secondConnectionString",
        credential: { kind: "connectionString", connectionString: second },
      },
    ];
    expect(await readBusCredentials(bus)).toEqual(of("first-string", "second-string"));
    env["FIRST"] = "rotated";
    expect(await readBusCredentials(bus)).toEqual(of("rotated", "second-string"));
    delete env["SECOND"];
    await expect(readBusCredentials(bus)).rejects.toMatchObject({ code: "config.invalid" });
  });

  it("are what the machine offers", async () => {
    const bus = await busOf({ namespace: NAMESPACE, credential: { kind: "default" } });
    expect(await readBusCredentials(bus)).toEqual([
      { name: "bus.credential", credential: { kind: "default", namespace: NAMESPACE } },
    ]);
  });

  it("are a certificate, read anew when its file has changed", async () => {
    const path = join(folder, "agent.pem");
    await writeFile(path, "one");
    const bus = await busOf({
      namespace: NAMESPACE,
      credential: {
        kind: "clientCertificate",
        tenantId: TENANT,
        clientId: CLIENT,
        certificatePath: "agent.pem",
      },
    });
    const certificate = { kind: "clientCertificate", ...APPLICATION };
    expect(await readBusCredential(bus)).toEqual({ ...certificate, certificate: "one" });
    await writeFile(path, "two");
    expect(await readBusCredential(bus)).toEqual({ ...certificate, certificate: "two" });
    await rm(path);
    await expect(readBusCredential(bus)).rejects.toMatchObject({
      code: "config.invalid",
      message: `bus.credential.certificatePath: ${path} cannot be read`,
    });
  });

  it("are the secret of an application", async () => {
    const bus = await busOf({
      namespace: NAMESPACE,
      credential: {
        kind: "clientSecret",
        tenantId: TENANT,
        clientId: CLIENT,
        clientSecret: "${env:CLIENT}",
      },
    });
    expect(await readBusCredential(bus)).toEqual({
      kind: "clientSecret",
      ...APPLICATION,
      clientSecret: "client-secret",
    });
  });

  it("come with the WebSocket's proxy and authority", async () => {
    await writeFile(join(folder, "ca.pem"), "authority");
    const bus = await busOf({
      connectionString: "${env:FIRST}",
      transport: "webSocket",
      proxy: "http://proxy.example.com:3128",
      proxyCredential: "${env:PROXY}",
      ca: "ca.pem",
    });
    expect(await readBusCredential(bus)).toEqual({
      kind: "connectionString",
      connectionString: "first-string",
      webSocket: { proxy: "http://u:p%40%3A1@proxy.example.com:3128/", ca: "authority" },
    });
    env["PROXY"] = "no-colon-secret";
    const error: unknown = await readBusCredential(bus).catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: "config.invalid",
      message: "bus.proxyCredential is not user:password",
    });
    expect(JSON.stringify(error)).not.toContain("no-colon-secret");
  });
});

describe("what signs in", () => {
  it.each([
    ["default", { kind: "default", namespace: NAMESPACE }, DefaultAzureCredential],
    [
      "clientCertificate",
      { kind: "clientCertificate", ...APPLICATION, certificate: "pem" },
      ClientCertificateCredential,
    ],
    [
      "clientSecret",
      { kind: "clientSecret", ...APPLICATION, clientSecret: "secret" },
      ClientSecretCredential,
    ],
  ] as const)("is made for %s, and its client is of the namespace", async (_, credential, kind) => {
    expect(createTokenCredential(credential)).toBeInstanceOf(kind);
    const client = createBusClient(credential);
    expect(client.fullyQualifiedNamespace).toBe(NAMESPACE);
    await client.close();
  });

  it("says nothing of a connection string that is none", () => {
    const make = () =>
      createBusClient({ kind: "connectionString", connectionString: "SharedAccessKey=hunter2" });
    expect(make).toThrow("the connection string of the bus cannot be used");
    expect(make).not.toThrow(/hunter2/);
  });
});
