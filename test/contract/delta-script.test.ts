import { afterEach, describe, expect, it } from "vitest";
import { createLdapDirectory } from "../../agent/directory/ldap-directory.ts";
import type { DeltaStrategyName, Directory, DirectoryMark } from "../../agent/ports.ts";
import {
  integer,
  type LdapScript,
  type ScriptReply,
  type ScriptStep,
  startLdapScript,
  tlv,
} from "../support/ldap-script.ts";
import { MemoryLog } from "../support/memory-log.ts";

const BASE = "dc=example";
const DIR_SYNC = "1.2.840.113556.1.4.841";
const SYNC_REQUEST = "1.3.6.1.4.1.4203.1.9.1.1";
const SYNC_STATE = "1.3.6.1.4.1.4203.1.9.1.2";
const SYNC_DONE = "1.3.6.1.4.1.4203.1.9.1.3";
const SYNC_INFO = "1.3.6.1.4.1.4203.1.9.1.4";
const CSN = "20260101120000.000000Z#000000#000#000000";

const guid = (n: number): Buffer => Buffer.alloc(16, n);
const uuidOf = (n: number): string =>
  guid(n)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

/** DirSync's answer: whether there is more, and the cookie. */
const dirSync = (cookie: string, more: boolean) => ({
  controls: {
    [DIR_SYNC]: tlv(0x30, integer(more ? 1 : 0), integer(0), tlv(0x04, Buffer.from(cookie))),
  },
});

let script: LdapScript | undefined;
let directory: Directory | undefined;

afterEach(async () => {
  await directory?.close();
  await script?.close();
});

async function serve(delta: DeltaStrategyName, search: ScriptStep): Promise<Directory> {
  script = await startLdapScript({
    search,
    rootDse(_, reply) {
      reply.entry("", {
        supportedControl: ["1.2.840.113556.1.4.319", DIR_SYNC, SYNC_REQUEST],
        namingContexts: [BASE],
        highestCommittedUSN: ["100"],
        dsServiceName: ["cn=service"],
      });
      reply.result(0);
    },
  });
  directory = createLdapDirectory(
    {
      name: "script",
      kind: delta === "dirSync" || delta === "usnChanged" ? "activeDirectory" : "openLdap",
      urls: [script.url],
      baseDn: BASE,
      bind: { dn: "cn=a", password: async () => "b" },
      operationTimeoutMs: 2_000,
      delta,
    },
    { log: new MemoryLog() },
  );
  return directory;
}

const never = () => AbortSignal.timeout(20_000);

/** The changes since a position that the test makes up. */
async function changes(delta: DeltaStrategyName, position: object, search: ScriptStep) {
  const served = await serve(delta, search);
  const mark = { strategy: delta, position } as DirectoryMark;
  return served.changes(mark, ["mail"], never());
}

describe("DirSync", () => {
  const position = {
    cookie: Buffer.from("first").toString("base64"),
    objectSecurity: false,
    tellsDeletions: true,
    namingContext: BASE,
    usn: "90",
  };
  const cookieOf = (told: unknown) => {
    const { mark } = told as { mark: DirectoryMark };
    return Buffer.from(String(mark.position["cookie"]), "base64").toString();
  };
  const asked = (request: Parameters<ScriptStep>[0]) =>
    String(request.controls.get(DIR_SYNC)?.value.subarray(-6));

  it("goes on as long as the server says that there is more, also when an answer holds nothing", async () => {
    let round = 0;
    const told = await changes("dirSync", position, (_, reply) => {
      round++;
      if (round !== 2) reply.entry(`cn=${round}`, { objectGUID: [guid(round)] });
      reply.result(0, dirSync(`cook-${round}`, round < 4));
    });
    expect(told).toMatchObject({
      kind: "changes",
      changed: [uuidOf(1), uuidOf(3), uuidOf(4)],
      deleted: [],
      complete: true,
    });
    expect(cookieOf(told)).toBe("cook-4");
    const searches = script?.requests.filter(({ controls }) => controls.has(DIR_SYNC)) ?? [];
    expect(searches.slice(1).map(asked)).toEqual(["cook-1", "cook-2", "cook-3"]);
  });

  it("is given up when the server says more for ever and gives nothing", async () => {
    const endless = changes("dirSync", position, (_, reply) => reply.result(0, dirSync("x", true)));
    await expect(endless).rejects.toMatchObject({ code: "directory.busy" });
  });

  it.each([
    ["unavailableCriticalExtension, as Windows and Samba do", 12],
    ["unwillingToPerform", 53],
    ["insufficientAccessRights: the right was taken away", 50],
  ])("expires when the server answers to its cookie with %s", async (_, code) => {
    const told = await changes("dirSync", position, (_request, reply) => reply.result(code));
    expect(told).toMatchObject({ kind: "expired", because: expect.stringMatching(/cookie/) });
  });

  it("expires when an answer comes without its control, which would be the end of the cookies", async () => {
    const told = await changes("dirSync", position, (_, reply) => reply.result(0));
    expect(told).toMatchObject({ kind: "expired" });
  });

  it.each([
    ["a size limit", 4],
    ["a time limit", 3],
    ["a referral", 10],
  ])("is incomplete when %s cuts it, and no changes are told", async (_, code) => {
    const cut = changes("dirSync", position, (_request, reply) => {
      reply.entry("cn=1", { objectGUID: [guid(1)] });
      reply.result(code, { referrals: code === 10 ? ["ldap://other"] : [] });
    });
    await expect(cut).rejects.toMatchObject({ code: "directory.incomplete" });
  });

  it("fails when the connection is cut behind some entries", async () => {
    const cut = changes("dirSync", position, (_, reply) => {
      reply.entry("cn=1", { objectGUID: [guid(1)] });
      reply.cut();
    });
    await expect(cut).rejects.toMatchObject({ code: "directory.unreachable" });
  });

  it("tells a tombstone from the folder of deleted objects, and an attribute that lost its values from one that was not sent", async () => {
    const told = await changes(
      "dirSync",
      { ...position, tellsDeletions: false },
      (request, reply) => {
        if (!request.controls.has(DIR_SYNC)) {
          // Nothing is to be seen where deleted objects lie.
          reply.result(0, { cookie: "" });
          return;
        }
        reply.entry("cn=Deleted Objects", {
          ...{ objectGUID: [guid(1)], isDeleted: ["TRUE"], name: ["Deleted Objects"] },
        });
        reply.entry("cn=back", { objectGUID: [guid(2)], isDeleted: [], mail: [] });
        reply.result(0, dirSync("next", false));
      },
    );
    expect(told).toMatchObject({ changed: [uuidOf(2)], deleted: [uuidOf(1)], complete: false });
    const { mark } = told as { mark: DirectoryMark };
    expect(mark.position).toMatchObject({ tellsDeletions: false, usn: "100" });
  });

  it.each([{}, { ...position, usn: "x" }, { ...position, cookie: 1 }])(
    "expires for a position that is none: %j",
    async (wrong) => {
      const told = await changes("dirSync", wrong, (_, reply) => reply.result(0));
      expect(told).toEqual({ kind: "expired", because: expect.any(String) });
    },
  );
});

describe("uSNChanged", () => {
  const position = { usn: "90", invocationId: uuidOf(7), namingContext: BASE };
  const service = (reply: ScriptReply, n: number) => {
    reply.entry("cn=service", { objectGUID: [guid(9)], invocationId: [guid(n)] });
    reply.result(0);
  };

  it("expires when the numbers are those of another server, or of before a restore", async () => {
    const told = await changes("usnChanged", position, (request, reply) => {
      if (request.baseDn === "cn=service") service(reply, 8);
      else reply.result(0, { cookie: "" });
    });
    expect(told).toMatchObject({
      kind: "expired",
      because: expect.stringMatching(/another server/),
    });
  });

  it("expires when the server has come less far than before", async () => {
    const told = await changes("usnChanged", { ...position, usn: "101" }, (request, reply) => {
      if (request.baseDn === "cn=service") service(reply, 7);
      else reply.result(0, { cookie: "" });
    });
    expect(told).toMatchObject({ kind: "expired", because: expect.stringMatching(/less far/) });
  });

  it("asks for what came behind its number, in pages, and takes an empty page for no end", async () => {
    const told = await changes("usnChanged", position, (request, reply) => {
      if (request.baseDn === "cn=service") return service(reply, 7);
      if (request.baseDn !== BASE) return reply.result(0, { cookie: "" });
      const page = request.page?.cookie ?? "";
      if (page !== "b") reply.entry(`cn=${page}`, { objectGUID: [guid(page === "" ? 1 : 2)] });
      reply.result(0, { cookie: page === "" ? "b" : page === "b" ? "c" : "" });
    });
    expect(told).toMatchObject({ changed: [uuidOf(1), uuidOf(2)], complete: false });
    const filters = script?.requests.filter(({ baseDn }) => baseDn === BASE) ?? [];
    expect(filters.every(({ filter }) => filter.includes("91"))).toBe(true);
  });
});

describe("content synchronization", () => {
  const position = { cookie: `rid=000,csn=${CSN}` };
  const state = (n: number, what: number) => ({
    [SYNC_STATE]: tlv(0x30, integer(what, 0x0a), tlv(0x04, guid(n))),
  });
  const done = (cookie: string, refreshDeletes: boolean) => ({
    controls: {
      [SYNC_DONE]: tlv(
        0x30,
        tlv(0x04, Buffer.from(cookie)),
        ...(refreshDeletes ? [tlv(0x01, Buffer.of(0xff))] : []),
      ),
    },
  });
  const idSet = (refreshDeletes: boolean, ...ids: readonly number[]) =>
    tlv(
      0xa3,
      ...(refreshDeletes ? [tlv(0x01, Buffer.of(0xff))] : []),
      tlv(0x31, ...ids.map((n) => tlv(0x04, guid(n)))),
    );
  const sync = (step: ScriptStep) =>
    changes("syncRepl", position, (request, reply) => {
      if (request.controls.has(SYNC_REQUEST)) step(request, reply);
      else {
        reply.entry(BASE, { entryUUID: [uuidOf(9)], contextCSN: [CSN] });
        reply.result(0);
      }
    });

  it("tells who was changed and who was deleted, by entry and by set of ids", async () => {
    const told = await sync((_, reply) => {
      reply.entry("cn=1", {}, state(1, 1));
      reply.entry("cn=2", {}, state(2, 3));
      reply.intermediate(SYNC_INFO, idSet(true, 3, 4));
      reply.result(0, done("next", true));
    });
    expect(told).toMatchObject({
      changed: [uuidOf(1)],
      deleted: [uuidOf(2), uuidOf(3), uuidOf(4)],
      complete: true,
      treeChanged: false,
      mark: { position: { cookie: "next" } },
    });
  });

  it("is not complete after a present phase: the server has lost the deletions", async () => {
    const told = await sync((_, reply) => {
      reply.entry("cn=1", {}, state(1, 1));
      reply.intermediate(SYNC_INFO, idSet(false, 5, 6));
      reply.intermediate(SYNC_INFO, tlv(0xa2, tlv(0x04, Buffer.from("mid"))));
      reply.result(0, done("next", false));
    });
    expect(told).toMatchObject({ changed: [uuidOf(1)], deleted: [], complete: false });
  });

  it("keeps its cookie when nothing has changed and the server says none", async () => {
    const told = await sync((_, reply) => reply.result(0));
    expect(told).toMatchObject({
      ...{ changed: [], deleted: [], complete: true, treeChanged: false },
      mark: { position },
    });
  });

  it("takes a changed entry with others below it for one that may have moved them", async () => {
    const told = await sync((_, reply) => {
      reply.entry("ou=1", { hasSubordinates: ["TRUE"] }, state(1, 2));
      reply.result(0, done("next", true));
    });
    expect(told).toMatchObject({ treeChanged: true });
  });

  it("expires when the server has lost the changes (syncRefreshRequired)", async () => {
    const told = await sync((_, reply) => reply.result(4096));
    expect(told).toMatchObject({ kind: "expired" });
  });

  it("waits for a server that is behind", async () => {
    const behind = sync((_, reply) =>
      reply.result(53, { diagnostic: "consumer state is newer than provider!" }),
    );
    await expect(behind).rejects.toMatchObject({ code: "directory.busy" });
  });

  it.each([
    ["a size limit", 4, "directory.incomplete"],
    ["busy", 51, "directory.busy"],
    ["insufficientAccessRights", 50, "directory.denied"],
  ] as const)("fails as stated at %s, and tells no changes", async (_, code, expected) => {
    const failed = sync((_request, reply) => {
      reply.entry("cn=1", {}, state(1, 1));
      reply.result(code);
    });
    await expect(failed).rejects.toMatchObject({ code: expected });
  });

  it.each([
    ["a state without an id", tlv(0x30, integer(1, 0x0a))],
    ["a state that is cut", Buffer.of(0x30, 0x20, 0x0a)],
    ["no BER at all", Buffer.from("garbage")],
  ])("fails at %s", async (_, value) => {
    const failed = sync((_request, reply) => {
      reply.entry("cn=1", {}, { [SYNC_STATE]: value });
      reply.result(0, done("next", true));
    });
    await expect(failed).rejects.toMatchObject({ code: "directory.unreachable" });
  });

  it("is not chosen where the account cannot read contextCSN, which the explanation says", async () => {
    const served = await serve("syncRepl", (_, reply) => {
      reply.entry(BASE, { entryUUID: [uuidOf(9)] });
      reply.result(0);
    });
    await expect(served.mark([], never())).rejects.toMatchObject({
      code: "config.invalid",
      message: expect.stringMatching(/delta: syncRepl does not work: .*contextCSN/),
    });
  });
});
