import { afterEach, describe, expect, it } from "vitest";
import { createLdapDirectory } from "../../agent/directory/ldap-directory.ts";
import type { LdapDirectoryOptions } from "../../agent/directory/options.ts";
import type { Directory, DirectoryQuery, ReadOutcome } from "../../agent/ports.ts";
import {
  type LdapScript,
  type LdapScriptOptions,
  PAGED_RESULTS,
  type ScriptedRequest,
  type ScriptReply,
  startLdapScript,
  tlv,
} from "../support/ldap-script.ts";
import { MemoryLog } from "../support/memory-log.ts";

const PAGES = 10;
const MEMBERS = 3500;
const MIB = 1 << 20;
const HUGE_BYTES = 100 * MIB;

const open: (Directory | LdapScript)[] = [];

afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

const uuid = (at: number): string => `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`;
const guid = (at: number): Buffer => Buffer.alloc(16, at + 1);
const text = (value: string): Buffer => tlv(4, Buffer.from(value));
const members = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => `cn=m${from + at}`);

function person(reply: ScriptReply, at: number): void {
  reply.entry(`cn=p${at}`, { entryUUID: [uuid(at)], objectGUID: [guid(at)], cn: [`p${at}`] });
}

/** Answers a request for a page, or leaves it to the ordinary answer by returning false. */
type Step = (page: number, reply: ScriptReply, request: ScriptedRequest) => boolean | undefined;

/** Twenty people, two a page. */
function twenty(step: Step = () => false) {
  return (request: ScriptedRequest, reply: ScriptReply): void => {
    const page = Number(request.page?.cookie || "0");
    if (step(page, reply, request)) return;
    person(reply, 2 * page);
    person(reply, 2 * page + 1);
    reply.result(0, { cookie: page === PAGES - 1 ? "" : String(page + 1) });
  };
}

/** Something else at one page. */
const at =
  (wanted: number, answer: (reply: ScriptReply, request: ScriptedRequest) => void): Step =>
  (page, reply, request) => {
    if (page === wanted) answer(reply, request);
    return page === wanted;
  };

/** Something more in front of one page. */
const before =
  (wanted: number, more: (reply: ScriptReply) => void): Step =>
  (page, reply) => {
    if (page === wanted) more(reply);
    return false;
  };

/** A group whose members come 1,500 at a time, in front of the people; `rest` may answer for a range. */
function withGroup(rest: (from: number, reply: ScriptReply) => boolean = () => false) {
  const people = twenty(
    before(4, (reply) => {
      reply.entry("cn=g", {
        objectGUID: [guid(200)],
        member: [],
        "member;range=0-1499": members(0, 1499),
      });
    }),
  );
  return (request: ScriptedRequest, reply: ScriptReply): void => {
    const range = /^member;range=(\d+)-\*$/.exec(request.attributes[0] ?? "");
    if (range === null) {
      people(request, reply);
      return;
    }
    const from = Number(range[1]);
    if (rest(from, reply)) return;
    const to = Math.min(from + 1499, MEMBERS - 1);
    const name = `member;range=${from}-${to === MEMBERS - 1 ? "*" : to}`;
    reply.entry(request.baseDn, { [name]: members(from, to) });
    reply.result(0);
  };
}

/** How a reading of everybody ended: all of them, a list that says that it is short, or an error. */
type End =
  | { readonly whole: number; readonly pages: number; readonly members?: number }
  | { readonly short: "size limit" | "time limit" | "referral"; readonly entries: number }
  | { readonly error: unknown; readonly message: string };

async function readEverybody(directory: Directory, signal: AbortSignal): Promise<End> {
  const query: DirectoryQuery = {
    baseDn: "dc=example",
    searchScope: "sub",
    ldapFilter: { kind: "present", attribute: "objectClass" },
    attributes: ["cn", "member"],
  };
  const names = new Set<string>();
  let entries = 0;
  let found: number | undefined;
  let outcome: ReadOutcome;
  try {
    const search = directory.search(query, signal);
    for (;;) {
      const step = await search.next();
      if (step.done === true) {
        outcome = step.value;
        break;
      }
      for (const { dn, attributes } of step.value) {
        names.add(dn);
        entries++;
        found ??= attributes.get("member")?.length;
      }
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const message = error.message.replace(/^ldap:\/\/127\.0\.0\.1:\d+: /, "");
    return { error: "code" in error ? error.code : error.name, message };
  }
  expect(outcome.entries).toBe(entries);
  if (!outcome.whole) return { short: outcome.because, entries };
  // Whoever calls a list whole has to have everybody.
  for (let n = 0; n < 2 * PAGES; n++) expect(names).toContain(`cn=p${n}`);
  const { pages } = outcome;
  return { whole: entries, pages, ...(found === undefined ? {} : { members: found }) };
}

interface Case {
  /** The end of "a server … " */
  readonly name: string;
  readonly search: LdapScriptOptions["search"];
  readonly rootDse?: LdapScriptOptions["rootDse"];
  readonly options?: Partial<LdapDirectoryOptions>;
  readonly end: End;
}

const WHOLE: End = { whole: 20, pages: 10 };
const broken = (words: string): End => ({
  error: "directory.unreachable",
  message: `the server broke the LDAP protocol: ${words}`,
});
const lost = (message: string): End => ({ error: "directory.unreachable", message });
const searchFailed = (code: string, words: string): End => ({
  error: code,
  message: `search below dc=example: ${words}`,
});
const AD = { kind: "activeDirectory" } as const;

const unpaged: LdapScriptOptions["rootDse"] = (_, reply) => {
  reply.entry("", { supportedControl: ["1.2.3"] });
  reply.result(0);
};

/** Entries 0 to `count` - 1 in one page. */
const many =
  (count: number, code: number): LdapScriptOptions["search"] =>
  (_, reply) => {
    for (let n = 0; n < count; n++) person(reply, n);
    reply.result(code, code === 0 ? { cookie: "" } : {});
  };

/** As a server that ends at the limit it was given, and calls that a success. */
const quietLimit: LdapScriptOptions["search"] = (request, reply) => {
  many(Math.min(20, request.limits.size || 20), 0)(request, reply);
};

/** The head of an entry whose message says that it is as large as that. */
function huge({ messageId }: ScriptedRequest): { readonly head: Buffer; readonly value: number } {
  const id = Buffer.of(2, 1, messageId);
  const header = (tag: number, length: number): Buffer => {
    const bytes = Buffer.of(tag, 0x84, 0, 0, 0, 0);
    bytes.writeUInt32BE(length, 2);
    return bytes;
  };
  const idAttribute = tlv(0x30, text("entryUUID"), tlv(0x31, text(uuid(99))));
  const value = header(4, HUGE_BYTES);
  const set = Buffer.concat([header(0x31, value.length + HUGE_BYTES), value]);
  const named = Buffer.concat([text("cn"), set]);
  const attribute = Buffer.concat([header(0x30, named.length + HUGE_BYTES), named]);
  const all = Buffer.concat([idAttribute, attribute]);
  const list = Buffer.concat([header(0x30, all.length + HUGE_BYTES), all]);
  const entry = Buffer.concat([text("cn=huge"), list]);
  const operation = Buffer.concat([header(0x64, entry.length + HUGE_BYTES), entry]);
  const body = Buffer.concat([id, operation]);
  const head = Buffer.concat([header(0x30, body.length + HUGE_BYTES), body]);
  return { head, value: HUGE_BYTES };
}

const CASES: readonly Case[] = [
  { name: "that answers as it should gives the whole list", search: twenty(), end: WHOLE },

  // Pages.
  {
    name: "whose middle page is empty but has a cookie gives the whole list",
    search: (request, reply) => {
      const cookie = request.page?.cookie;
      if (cookie === "5") {
        reply.result(0, { cookie: "5 again" });
        return;
      }
      const page = cookie === "5 again" ? { size: 2, cookie: "5" } : request.page;
      twenty()({ ...request, page }, reply);
    },
    end: { whole: 20, pages: 11 },
  },
  {
    name: "whose connection is cut at page 7 gives an error",
    search: twenty(at(6, (reply) => reply.cut())),
    end: lost("connection closed by the server"),
  },
  {
    name: "whose connection is cut in the middle of an entry gives an error",
    search: twenty(
      at(6, (reply) => {
        person(reply, 12);
        reply.bytes(Buffer.of(0x30, 0x40, 2, 1));
        reply.cut();
      }),
    ),
    end: lost("connection closed by the server"),
  },
  {
    name: "that has forgotten the cookie gives an error that a retry may mend",
    search: twenty(at(3, (reply) => reply.result(53, { diagnostic: "cookie is invalid or old" }))),
    end: searchFailed(
      "directory.busy",
      "the server gave up after 3 pages: unwillingToPerform (53): cookie is invalid or old",
    ),
  },
  {
    name: "whose cookie is no cookie gives an error",
    search: twenty(
      at(3, (reply, { messageId }) => {
        const control = tlv(0x30, text(PAGED_RESULTS), tlv(4, Buffer.of(0x30, 1, 0)));
        const done = tlv(0x65, Buffer.of(0x0a, 1, 0), text(""), text(""));
        reply.bytes(tlv(0x30, Buffer.of(2, 1, messageId), done, tlv(0xa0, control)));
      }),
    ),
    end: broken("Expected 0x2: got 0x0"),
  },
  {
    name: "that loses the paged control in the middle gives an error",
    search: twenty(
      at(3, (reply) => {
        person(reply, 6);
        reply.result(0);
      }),
    ),
    end: searchFailed("directory.refused", "a page came without its paged results control"),
  },

  // Limits.
  {
    name: "that caps its answer at 1,000 entries says that the list is short",
    search: many(1000, 4),
    rootDse: unpaged,
    end: { short: "size limit", entries: 1000 },
  },
  {
    name: "that ends at a size limit in the middle says that the list is short",
    search: twenty(
      at(3, (reply) => {
        person(reply, 6);
        reply.result(4);
      }),
    ),
    end: { short: "size limit", entries: 7 },
  },
  {
    name: "that ends at an administrative limit says that the list is short",
    search: twenty(at(3, (reply) => reply.result(11))),
    end: { short: "size limit", entries: 6 },
  },
  {
    name: "that ends at a time limit says that the list is short",
    search: twenty(at(3, (reply) => reply.result(3))),
    end: { short: "time limit", entries: 6 },
  },
  {
    name: "that ends at the time limit of the configuration says that the list is short",
    search: (request, reply) =>
      twenty(at(3, () => reply.result(request.limits.seconds === 7 ? 3 : 0)))(request, reply),
    options: { timeLimitSeconds: 7 },
    end: { short: "time limit", entries: 6 },
  },
  {
    name: "that has one entry more than the configuration allows says that the list is short",
    search: twenty(),
    options: { sizeLimit: 19 },
    end: { short: "size limit", entries: 19 },
  },
  {
    name: "that has as many entries as the configuration allows gives the whole list",
    search: twenty(),
    options: { sizeLimit: 20 },
    end: WHOLE,
  },
  {
    name: "that ends at the configuration's limit and calls it a success is found out",
    search: quietLimit,
    options: { sizeLimit: 19 },
    end: { short: "size limit", entries: 19 },
  },

  // Referrals.
  {
    name: "that refers elsewhere in the middle says that the list is short",
    search: twenty(at(3, (reply) => reply.result(10, { referrals: ["ldap://eu.example/dc=eu"] }))),
    end: { short: "referral", entries: 6 },
  },
  {
    name: "that calls its results partial says that the list is short",
    search: twenty(at(3, (reply) => reply.result(9))),
    end: { short: "referral", entries: 6 },
  },
  {
    name: "that sends a search reference says that the list is short, after the last of its own entries",
    search: twenty(before(3, (reply) => reply.reference(["ldap://eu.example/dc=eu??sub"]))),
    end: { short: "referral", entries: 20 },
  },

  // Failures that say so.
  {
    name: "that is busy gives an error that a retry may mend",
    search: twenty(at(3, (reply) => reply.result(51))),
    end: searchFailed("directory.busy", "busy (51)"),
  },
  {
    name: "that sends a notice of disconnection in the middle gives an error",
    search: twenty(before(3, (reply) => reply.noticeOfDisconnection(52))),
    end: {
      error: "directory.busy",
      message: "the server ended the connection: unavailable (52): going down",
    },
  },
  {
    name: "that falls silent in the middle gives an error",
    search: twenty(at(3, (reply) => person(reply, 6))),
    end: lost("no answer for 400 ms"),
  },

  // Bytes.
  {
    name: "that drips its answer byte by byte gives the whole list",
    search: twenty(before(3, (reply) => reply.drip(2))),
    end: WHOLE,
  },
  {
    name: "that sends garbage in the middle gives an error",
    search: twenty(before(3, (reply) => reply.bytes(Buffer.from("HTTP/1.1 502 Bad Gateway")))),
    end: broken("not an LDAP message"),
  },
  {
    name: "that announces a message of 100 MB gives an error at once",
    search: twenty(
      before(3, (reply) => reply.bytes(Buffer.of(0x30, 0x84, 0x06, 0x40, 0x00, 0x00))),
    ),
    end: broken(`message of ${HUGE_BYTES} bytes is above the limit of ${64 * MIB}`),
  },
  {
    name: "that sends a message of 100 MB, which the options allow, gives the whole list",
    search: twenty((page, reply, request) => {
      if (page !== 3) return false;
      const { head, value } = huge(request);
      reply.bytes(head);
      for (let sent = 0; sent < value; sent += MIB) reply.bytes(Buffer.alloc(MIB, "v"));
      return false;
    }),
    options: { maxMessageBytes: 128 * MIB, operationTimeoutMs: 5000 },
    end: { whole: 21, pages: 10 },
  },
  {
    name: "that sends half of a message of 100 MB gives an error",
    search: twenty(
      at(3, (reply, request) => {
        const { head, value } = huge(request);
        reply.bytes(head);
        for (let sent = 0; sent < value / 2; sent += MIB) reply.bytes(Buffer.alloc(MIB, "v"));
        reply.cut();
      }),
    ),
    options: { maxMessageBytes: 128 * MIB, operationTimeoutMs: 5000 },
    end: lost("connection closed by the server"),
  },

  // Answers that are not the ones asked for.
  {
    name: "that answers to another message gives an error",
    search: twenty(
      at(3, (reply) => {
        const done = tlv(0x65, Buffer.of(0x0a, 1, 0), text(""), text(""));
        reply.bytes(tlv(0x30, Buffer.of(2, 1, 120), done));
      }),
    ),
    end: broken("response to no request"),
  },
  {
    name: "that ends the search with the answer to a bind gives an error",
    search: (request, reply) => {
      person(reply, 0);
      const success = tlv(0x61, Buffer.of(0x0a, 1, 0), text(""), text(""));
      reply.bytes(tlv(0x30, Buffer.of(2, 1, request.messageId), success));
    },
    rootDse: unpaged,
    end: broken("answer to another request"),
  },

  // Entries.
  {
    name: "that sends an entry twice gives the whole list",
    search: twenty(before(7, (reply) => person(reply, 3))),
    end: { whole: 21, pages: 10 },
  },
  {
    name: "that sends an entry without an id gives an error",
    search: twenty(before(3, (reply) => reply.entry("cn=nameless", { cn: ["nameless"] }))),
    end: { error: "directory.refused", message: "an entry has no readable entryUUID" },
  },

  // Values in ranges.
  {
    name: "that sends 1,500 values at a time gives the whole list with all of them",
    search: withGroup(),
    options: AD,
    end: { whole: 21, pages: 10, members: MEMBERS },
  },
  {
    name: "that skips a range of values gives an error",
    search: withGroup((from, reply) => {
      if (from !== 1500) return false;
      reply.entry("cn=g", { "member;range=3000-*": members(3000, MEMBERS - 1) });
      reply.result(0);
      return true;
    }),
    options: AD,
    end: broken("range starts at 3000, not 1500"),
  },
  {
    name: "that skips values within a range gives an error",
    search: withGroup((from, reply) => {
      if (from !== 1500) return false;
      reply.entry("cn=g", { "member;range=1500-2999": members(1500, 2990) });
      reply.result(0);
      return true;
    }),
    options: AD,
    end: broken("range with another number of values"),
  },
  {
    name: "that is busy between two ranges gives an error",
    search: withGroup((from, reply) => {
      if (from === 3000) reply.result(51);
      return from === 3000;
    }),
    options: AD,
    end: { error: "directory.busy", message: "values of member from 3000 on: busy (51)" },
  },
];

async function start({
  search,
  rootDse,
  options,
}: Pick<Case, "search" | "rootDse" | "options">): Promise<{
  readonly server: LdapScript;
  readonly directory: Directory;
}> {
  const server = await startLdapScript({ search, ...(rootDse === undefined ? {} : { rootDse }) });
  const directory = createLdapDirectory(
    {
      name: "scripted",
      kind: "openLdap",
      urls: [server.url],
      baseDn: "dc=example",
      bind: { dn: "cn=sync,dc=example", password: () => Promise.resolve("secret") },
      pageSize: 2,
      connectTimeoutMs: 2000,
      operationTimeoutMs: 400,
      ...options,
    },
    { log: new MemoryLog() },
  );
  open.push(server, directory);
  return { server, directory };
}

describe("a list of everybody from a server", () => {
  for (const { name, end, ...parts } of CASES) {
    it(name, async () => {
      const { directory } = await start(parts);
      expect(await readEverybody(directory, new AbortController().signal)).toEqual(end);
    });
  }
});

describe("a search that is abandoned", () => {
  it("ends with the reason and not as a list, though the server goes on to its end", async () => {
    const controller = new AbortController();
    const { directory, server } = await start({
      search: twenty(
        before(3, () => {
          controller.abort(new Error("enough"));
        }),
      ),
    });
    expect(await readEverybody(directory, controller.signal)).toEqual({
      error: "Error",
      message: "enough",
    });
    await expect
      .poll(() => server.requests.filter(({ kind }) => kind === "abandon").length)
      .toBe(1);
  });

  it("leaves its late answers to nobody: the next list over that connection is whole", async () => {
    let searches = 0;
    const { directory, server } = await start({
      search: (request, reply) => {
        if (request.page?.cookie === "") searches++;
        if (searches === 1) many(30, 0)(request, reply);
        else twenty()(request, reply);
      },
      options: { sizeLimit: 25 },
    });
    const signal = new AbortController().signal;
    const ends = [await readEverybody(directory, signal), await readEverybody(directory, signal)];
    expect(ends).toEqual([{ short: "size limit", entries: 25 }, WHOLE]);
    const used = server.requests.filter(({ baseDn }) => baseDn === "dc=example");
    expect(new Set(used.map(({ connection }) => connection)).size).toBe(1);
  });
});
