import { afterEach, describe, expect, it } from "vitest";
import {
  createLdapDirectory,
  type LdapDirectoryPorts,
} from "../../agent/directory/ldap-directory.ts";
import type { LdapDirectoryOptions } from "../../agent/directory/options.ts";
import type { Directory, DirectoryQuery } from "../../agent/ports.ts";
import {
  type LdapScript,
  type LdapScriptOptions,
  type ScriptedRequest,
  type ScriptReply,
  startLdapScript,
} from "../support/ldap-script.ts";
import { MemoryLog } from "../support/memory-log.ts";

const never = new AbortController().signal;
const open: (Directory | LdapScript)[] = [];

afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

const ID = "00000000-0000-4000-8000-000000000001";

const EVERYBODY: DirectoryQuery = {
  baseDn: "dc=example",
  searchScope: "sub",
  ldapFilter: { kind: "present", attribute: "objectClass" },
  attributes: ["cn"],
};

/** A server whose only entry is called after it. */
async function serverOf(name: string, options: Partial<LdapScriptOptions> = {}) {
  const search = ({ baseDn }: ScriptedRequest, reply: ScriptReply): void => {
    reply.entry(baseDn === "dc=example" ? `cn=${name}` : baseDn, { entryUUID: [ID], cn: [name] });
    reply.result(0, { cookie: "" });
  };
  const server = await startLdapScript({ search, ...options });
  open.push(server);
  return server;
}

function directoryOf(
  servers: readonly LdapScript[],
  options: Partial<LdapDirectoryOptions> = {},
  ports: Pick<LdapDirectoryPorts, "lookup"> = {},
): Directory & { now: number } {
  const clock = { now: 0 };
  const directory = createLdapDirectory(
    {
      name: "scripted",
      kind: "openLdap",
      urls: servers.map(({ url }) => url),
      baseDn: "dc=example",
      bind: { dn: "cn=sync,dc=example", password: () => Promise.resolve("secret") },
      connectTimeoutMs: 2000,
      operationTimeoutMs: 500,
      ...options,
    },
    { log: new MemoryLog(), clock: { now: () => clock.now }, ...ports },
  );
  open.push(directory);
  return Object.defineProperty(directory as Directory & { now: number }, "now", {
    set: (now: number) => {
      clock.now = now;
    },
  });
}

async function list(directory: Directory): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const batch of directory.search(EVERYBODY, never)) {
    names.push(...batch.map((entry) => entry.dn));
  }
  return names;
}

const read = async (directory: Directory): Promise<unknown> =>
  (await directory.read("cn=x", ["cn"], never))?.attributes.get("cn");

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    (value) => ({ value }),
    ({ code, retryable }) => ({ code, retryable }),
  );

const UNREACHABLE = { code: "directory.unreachable", retryable: true };

const binds = ({ requests }: LdapScript): number =>
  requests.filter(({ kind }) => kind === "bind").length;

describe("a run", () => {
  it("ends with its server, and the next one takes the next server", async () => {
    const [first, second] = [await serverOf("first"), await serverOf("second")];
    const directory = directoryOf([first, second]);
    const run = directory.pin();
    expect([await list(run), await read(run)]).toEqual([["cn=first"], ["first"]]);
    await first.close();
    for (const work of [list, read]) expect(await failureOf(work(run))).toEqual(UNREACHABLE);
    expect(await failureOf(run.resolve(["cn=x"], never))).toEqual(UNREACHABLE);
    expect(await failureOf(run.rootDse(never))).toEqual(UNREACHABLE);
    expect(binds(second)).toBe(0);
    const next = directory.pin();
    expect([await next.server(never), await list(next)]).toEqual([second.url, ["cn=second"]]);
  });

  it("stays on its server after others have gone back to a better one", async () => {
    const [first, second] = [await serverOf("first"), await serverOf("second")];
    await first.close();
    const directory = directoryOf([first, second]);
    const run = directory.pin();
    expect(await run.server(never)).toBe(second.url);
    open.push(await serverOf("first again", { port: first.port }));
    expect(await directory.pin().server(never)).toBe(second.url);
    directory.now = 30_000;
    expect(await directory.pin().server(never)).toBe(first.url);
    expect([await list(run), await read(run)]).toEqual([["cn=second"], ["second"]]);
    expect(await list(directory)).toEqual(["cn=first again"]);
  });

  it("comes through when its server only dropped the connections", async () => {
    const [first, second] = [await serverOf("first"), await serverOf("second")];
    const run = directoryOf([first, second]).pin();
    await list(run);
    first.cut();
    await expect.poll(() => first.openConnections).toBe(0);
    expect([await list(run), await read(run)]).toEqual([["cn=first"], ["first"]]);
    expect(binds(second)).toBe(0);
  });

  it("takes one server for calls that come together, though one of them gives up", async () => {
    const [silent, second] = [await serverOf("silent", { bind() {} }), await serverOf("second")];
    const run = directoryOf([silent, second], { connectTimeoutMs: 200 }).pin();
    const controller = new AbortController();
    const given = run.server(controller.signal);
    const works = [run.server(never), list(run), read(run)];
    controller.abort(new Error("enough"));
    await expect(given).rejects.toThrow("enough");
    expect(await Promise.all(works)).toEqual([second.url, ["cn=second"], ["second"]]);
    expect(binds(silent)).toBe(1);
  });

  it("may begin again when it found no server", async () => {
    const server = await serverOf("away");
    await server.close();
    const run = directoryOf([server]).pin();
    expect(await failureOf(run.server(never))).toEqual(UNREACHABLE);
    await serverOf("back", { port: server.port });
    expect([await run.server(never), await list(run)]).toEqual([server.url, ["cn=back"]]);
  });

  it("that wants one server takes no other", async () => {
    const [first, second] = [await serverOf("first"), await serverOf("second")];
    const directory = directoryOf([first, second]);
    expect(await list(directory.pin({ server: second.url }))).toEqual(["cn=second"]);
    await second.close();
    expect(await failureOf(list(directory.pin({ server: second.url })))).toEqual(UNREACHABLE);
    const stranger = "ldap://elsewhere.example.com";
    await expect(directory.pin({ server: stranger }).server(never)).rejects.toThrow(
      expect.objectContaining({
        code: "directory.unreachable",
        message: `${stranger} is no server of this directory`,
      }),
    );
    expect(binds(first)).toBe(0);
  });

  it("pins once: without a wish it gives itself, with one it makes another", async () => {
    const [first, second] = [await serverOf("first"), await serverOf("second")];
    const run = directoryOf([first, second]).pin();
    expect(run.pin()).toBe(run);
    expect(await list(run.pin({ server: second.url }))).toEqual(["cn=second"]);
    expect(await list(run)).toEqual(["cn=first"]);
  });

  it("stays on one server of those behind one name", async () => {
    const first = await serverOf("first");
    const second = await serverOf("second", { host: "127.0.0.2", port: first.port });
    const addresses = ["127.0.0.1", "127.0.0.2"];
    const directory = directoryOf(
      [],
      { urls: [`ldap://dc.example.com:${first.port}`], allowPlaintext: true },
      {
        // Each question is answered with the other one in front, as name servers do.
        lookup(_host, _options, callback) {
          const found = addresses.map((address) => ({ address, family: 4 }));
          addresses.reverse();
          callback(null, found);
        },
      },
    );
    const run = directory.pin();
    const all = await Promise.all([list(run), list(run), read(run), list(run)]);
    expect(all).toEqual([["cn=first"], ["cn=first"], ["first"], ["cn=first"]]);
    await first.close();
    for (const work of [list, read]) expect(await failureOf(work(run))).toEqual(UNREACHABLE);
    expect(binds(second)).toBe(0);
    const next = directory.pin();
    expect([await list(next), await read(next)]).toEqual([["cn=second"], ["second"]]);
    expect(await failureOf(list(run))).toEqual(UNREACHABLE);
  });

  it("goes elsewhere next time when its server stopped answering in the middle", async () => {
    let silent = false;
    const first = await serverOf("first", {
      search: (_, reply) => {
        if (!silent) reply.result(0, { cookie: "" });
      },
    });
    const second = await serverOf("second");
    const directory = directoryOf([first, second]);
    const run = directory.pin();
    await list(run);
    silent = true;
    expect(await failureOf(list(run))).toEqual(UNREACHABLE);
    expect(await list(directory.pin())).toEqual(["cn=second"]);
  });

  it("leaves the connections open for the next one", async () => {
    const server = await serverOf("server");
    const directory = directoryOf([server]);
    for (let runs = 0; runs < 3; runs++) {
      const run = directory.pin();
      await list(run);
      await run.close();
    }
    expect([binds(server), server.openConnections]).toEqual([2, 2]);
  });
});
