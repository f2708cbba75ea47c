import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkOptions } from "../../agent/directory/options.ts";
import { startDirectory } from "../../agent/sim/directory/server.ts";
import { SCIM_TOKEN } from "../support/agent-files.ts";
import { runCommand } from "../support/command.ts";
import type { Undo } from "../support/requester-world.ts";
import { BIND, RightsWorld } from "../support/rights-world.ts";
import { ScimClient, sendRaw } from "../support/scim-client.ts";

const undo: Undo = [];
let world: RightsWorld;

beforeAll(async () => {
  world = await RightsWorld.open(undo);
});

afterAll(async () => {
  for (const release of undo.splice(0).reverse()) await release();
});

describe("somebody who reaches the HTTP face", () => {
  let url: string;
  let client: ScimClient;

  async function startFace(): Promise<string> {
    const agent = await world.startAgent({ scim: { enabled: true, listen: "127.0.0.1:0" } });
    return String((await agent.logged("agent.started"))["scimUrl"]);
  }

  function clientOf(base: string): ScimClient {
    const made = new ScimClient(base);
    undo.push(async () => made.close());
    return made;
  }

  beforeAll(async () => {
    url = await startFace();
    client = clientOf(url);
  });

  it("T13: gets the same 401 whatever is asked without the token, before a body is read or the directory asked", async () => {
    const before = world.searches;
    const tokens = [
      ...[undefined, "", "x", SCIM_TOKEN.slice(0, -1), `${SCIM_TOKEN}0`, SCIM_TOKEN.toUpperCase()],
      ...[`${SCIM_TOKEN} x`, SCIM_TOKEN.split("").reverse().join("")],
    ];
    const asks = [
      ...["/Users", `/Users/${world.idOf("Ada")}`, "/nowhere", "/%zz", "/Users?cursor=x"],
      ...["/ServiceProviderConfig", "/agent/health", "/Schemas", `/Users?token=${SCIM_TOKEN}`],
    ];
    const seen = new Set<string>();
    for (const token of tokens) {
      for (const path of asks) {
        for (const method of ["GET", "POST", "DELETE"]) {
          const { status, text } = await client.ask(path, { method, token });
          seen.add(`${status} ${text}`);
        }
      }
    }
    expect([...seen]).toEqual([expect.stringMatching(/^401 \{.*the bearer token is missing/)]);
    const begun = "POST /Users/.search HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n";
    expect(await sendRaw(url, begun)).toMatch(/^HTTP\/1\.1 401 /);
    expect(world.searches).toBe(before);
    expect((await client.ask("/Users")).status).toBe(200);
    expect(world.searches).toBeGreaterThan(before);
  });

  it("T14: can neither change a cursor, nor use it for another query, nor bring one of another process", async () => {
    const query = "filter=userName%20pr&count=1";
    const first = await client.ask(`/Users?${query}&cursor=`);
    const cursor = String(first.body?.["nextCursor"]);
    const others = [...cursor].map((character, at) => {
      const other = character === "A" ? "B" : "A";
      return `${cursor.slice(0, at)}${other}${cursor.slice(at + 1)}`;
    });
    const bytes = Buffer.from(cursor, "base64url");
    // The place of a cursor begins with its listing; the offset stands behind it.
    const moved = Buffer.from(bytes);
    moved.writeUInt32BE(0, 8);
    const forged = [
      ...others,
      ...[moved.toString("base64url"), bytes.subarray(0, 12).toString("base64url")],
      ...[`${cursor}A`, cursor.slice(0, -1), `${cursor}=`, `${cursor}%20`, "A".repeat(38)],
    ];
    const verdicts = new Set<string>();
    const verdictOf = async (path: string, of = client) => {
      const { status, body } = await of.ask(path);
      verdicts.add(`${status} ${body?.["scimType"]}`);
    };
    for (const text of forged) await verdictOf(`/Users?${query}&cursor=${text}`);
    for (const other of [
      `/Users?count=1&cursor=${cursor}`,
      `/Users?filter=userName%20eq%20%22eve%22&count=1&cursor=${cursor}`,
      `/Users?${query}&attributes=userName&cursor=${cursor}`,
      `/Groups?${query}&cursor=${cursor}`,
    ]) {
      await verdictOf(other);
    }
    await verdictOf(`/Users?${query}&cursor=${cursor}`, clientOf(await startFace()));
    expect([...verdicts]).toEqual(["400 invalidCursor"]);
    const page = await client.ask(`/Users?${query}&cursor=${cursor}`);
    expect([page.status, page.body?.["itemsPerPage"]]).toEqual([200, 1]);
  });
});

describe("somebody on the network", () => {
  it("T15: is sent no bind password in clear: a host that is not this one is refused at the start", async () => {
    const hosts = [
      ...["192.0.2.1", "directory.example", "127.0.0.1.example", "localhost.example", "0.0.0.0"],
      ...["[::ffff:192.0.2.1]", "[::2]", "127.1", "2130706433", "0177.0.0.1"],
    ];
    const bind = { dn: BIND.dn, password: async () => BIND.password };
    const options = {
      name: "company",
      kind: "openLdap",
      baseDn: "dc=example,dc=com",
      bind,
    } as const;
    for (const host of hosts) {
      const urls = ["ldap://127.0.0.1", `ldap://${host}`];
      expect(() => checkOptions({ ...options, urls }), host).toThrow(
        "would send the bind password unencrypted",
      );
      expect(() => checkOptions({ ...options, urls, allowPlaintext: true }), host).not.toThrow();
    }
    const { configPath } = await world.files({
      directory: { urls: hosts.map((host) => `ldap://${host}`) },
    });
    const { code, stderr } = await runCommand(["run", "--config", configPath]);
    expect(code).toBe(78);
    const refused = stderr.match(/urls\[\d+\]: would send the password and all data/g) ?? [];
    expect(refused).toHaveLength(hosts.length);
  });

  it("T15: gets no bind password by answering that there is no StartTLS", async () => {
    const binds: string[] = [];
    const onBind = (dn: string) => {
      binds.push(dn);
      return undefined;
    };
    const stripped = await startDirectory({
      baseDn: "dc=example,dc=com",
      bind: BIND,
      company: { people: 5 },
      faults: { onBind },
    });
    undo.push(() => stripped.close());
    const preview = async (directory: object) => {
      const written = await world.files({ url: stripped.url, scope: {}, directory });
      return runCommand(["scope", "preview", "--config", written.configPath]);
    };
    const { code, stderr } = await preview({ tls: { startTls: true } });
    expect([code, binds]).toEqual([expect.any(Number), []]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("StartTLS");
    expect((await preview({})).code).toBe(0);
    expect(binds.length).toBeGreaterThan(0);
  });
});
