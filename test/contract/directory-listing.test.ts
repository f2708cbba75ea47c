import { afterEach, describe, expect, it } from "vitest";
import { createLdapDirectory } from "../../agent/directory/ldap-directory.ts";
import type { LdapDirectoryOptions } from "../../agent/directory/options.ts";
import type { Directory, DirectoryQuery, Log, ReadOutcome } from "../../agent/ports.ts";
import {
  type LdapScript,
  type LdapScriptOptions,
  PAGED_RESULTS,
  type ScriptedRequest,
  type ScriptReply,
  startLdapScript,
  tlv,
} from "../support/ldap-script.ts";

const silent: Log = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  child: () => silent,
};

const open: (Directory | LdapScript)[] = [];

afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

async function script(options: LdapScriptOptions): Promise<LdapScript> {
  const server = await startLdapScript(options);
  open.push(server);
  return server;
}

function directoryAt(url: string, options: Partial<LdapDirectoryOptions> = {}): Directory {
  const directory = createLdapDirectory(
    {
      name: "scripted",
      kind: "openLdap",
      urls: [url],
      baseDn: "dc=example",
      bind: { dn: "cn=sync,dc=example", password: () => Promise.resolve("secret") },
      pageSize: 2,
      connectTimeoutMs: 2000,
      operationTimeoutMs: 400,
      ...options,
    },
    { log: silent },
  );
  open.push(directory);
  return directory;
}

const EVERYBODY: DirectoryQuery = {
  baseDn: "dc=example",
  searchScope: "sub",
  ldapFilter: { kind: "present", attribute: "objectClass" },
  attributes: ["cn"],
};

const never = new AbortController().signal;

/** What a reader of the whole list gets: names and how it ended, or the error's code. */
type Listing =
  | { readonly names: readonly string[]; readonly outcome: ReadOutcome }
  | { readonly error: unknown; readonly message: string; readonly hint: string | undefined };

async function list(
  directory: Directory,
  query: Partial<DirectoryQuery> = {},
  signal = never,
): Promise<Listing> {
  const names: string[] = [];
  try {
    const search = directory.search({ ...EVERYBODY, ...query }, signal);
    for (;;) {
      const step = await search.next();
      if (step.done === true) return { names, outcome: step.value };
      for (const entry of step.value) names.push(entry.dn);
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const code = "code" in error ? error.code : error.name;
    const hint = "hint" in error ? (error.hint as string | undefined) : undefined;
    return { error: code, message: error.message, hint };
  }
}

/** Error code and the part of the message behind the server's url. */
function failure(listing: Listing): unknown {
  if (!("error" in listing)) return listing;
  return [listing.error, listing.message.replace(/^ldap:\/\/127\.0\.0\.1:\d+: /, "")];
}

const uuid = (at: number): string => `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`;

function person(reply: ScriptReply, at: number): void {
  reply.entry(`cn=p${at}`, { entryUUID: [uuid(at)], cn: [`p${at}`] });
}

const names = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => `cn=p${from + at}`);

/** Ten pages of two; the step sees each request first and says whether it has answered it. */
function tenPages(step: (page: number, reply: ScriptReply) => boolean = () => false) {
  return (request: ScriptedRequest, reply: ScriptReply): void => {
    const page = Number(request.page?.cookie || "0");
    if (step(page, reply)) return;
    person(reply, 2 * page);
    person(reply, 2 * page + 1);
    reply.result(0, { cookie: page === 9 ? "" : String(page + 1) });
  };
}

describe("a listing in pages", () => {
  it("is whole when every page came", async () => {
    const server = await script({ search: tenPages() });
    expect(await list(directoryAt(server.url))).toEqual({
      names: names(0, 19),
      outcome: { whole: true, entries: 20, pages: 10 },
    });
    const searches = server.requests.filter((request) => request.baseDn === "dc=example");
    expect(searches.map(({ page }) => page)).toEqual(
      Array.from({ length: 10 }, (_, at) => ({ size: 2, cookie: at === 0 ? "" : String(at) })),
    );
    expect(searches[0]?.controls.get(PAGED_RESULTS)?.critical).toBe(true);
    expect(searches[0]?.attributes).toEqual(["cn", "entryUUID"]);
  });

  it("goes on behind an empty page that has a cookie", async () => {
    const empty = (page: number, reply: ScriptReply): boolean => {
      if (page !== 4) return false;
      reply.result(0, { cookie: "5" });
      return true;
    };
    const server = await script({ search: tenPages(empty) });
    expect(await list(directoryAt(server.url))).toEqual({
      names: [...names(0, 7), ...names(10, 19)],
      outcome: { whole: true, entries: 18, pages: 10 },
    });
  });

  it("does not follow empty pages for ever", async () => {
    const server = await script({ search: (_, reply) => reply.result(0, { cookie: "again" }) });
    expect(failure(await list(directoryAt(server.url)))).toEqual([
      "directory.refused",
      "search below dc=example: 1000 empty pages in a row",
    ]);
  });

  it("fails when the connection is cut at page 7 of 10", async () => {
    const cut = (page: number, reply: ScriptReply): boolean => {
      if (page !== 6) return false;
      person(reply, 12);
      reply.cut();
      return true;
    };
    const server = await script({ search: tenPages(cut) });
    expect(failure(await list(directoryAt(server.url)))).toEqual([
      "directory.unreachable",
      "connection closed by the server",
    ]);
  });

  it("fails as busy when the server has forgotten the cookie", async () => {
    const forget = (page: number, reply: ScriptReply): boolean => {
      if (page !== 3) return false;
      reply.result(53, { diagnostic: "paged results cookie is invalid or old" });
      return true;
    };
    const server = await script({ search: tenPages(forget) });
    expect(failure(await list(directoryAt(server.url)))).toEqual([
      "directory.busy",
      "search below dc=example: the server gave up after 3 pages: " +
        "unwillingToPerform (53): paged results cookie is invalid or old",
    ]);
  });

  const cuts = [
    { code: 3, because: "time limit", detail: "timeLimitExceeded (3), after 3 pages" },
    { code: 4, because: "size limit", detail: "sizeLimitExceeded (4), after 3 pages" },
    { code: 11, because: "size limit", detail: "adminLimitExceeded (11), after 3 pages" },
  ] as const;
  for (const { code, because, detail } of cuts) {
    it(`is not whole after result ${code}`, async () => {
      const stop = (page: number, reply: ScriptReply): boolean => {
        if (page !== 3) return false;
        person(reply, 6);
        reply.result(code);
        return true;
      };
      const server = await script({ search: tenPages(stop) });
      expect(await list(directoryAt(server.url))).toEqual({
        names: names(0, 6),
        outcome: { whole: false, because, detail, entries: 7 },
      });
    });
  }

  it("is not whole after a referral, and says where to", async () => {
    const server = await script({
      search: (_, reply) => reply.result(10, { referrals: ["ldap://other.example/dc=x??sub"] }),
    });
    expect(await list(directoryAt(server.url))).toEqual({
      names: [],
      outcome: {
        whole: false,
        because: "referral",
        detail: "referral (10), after 0 pages, to ldap://other.example",
        entries: 0,
      },
    });
  });

  it("is not whole when a search reference came in the middle, and reads the rest", async () => {
    const refer = (page: number, reply: ScriptReply): boolean => {
      if (page === 3) reply.reference(["ldap://eu.example/dc=eu,dc=example??sub"]);
      return false;
    };
    const server = await script({ search: tenPages(refer) });
    expect(await list(directoryAt(server.url))).toEqual({
      names: names(0, 19),
      outcome: {
        whole: false,
        because: "referral",
        detail: "1 search references not followed, the first to ldap://eu.example",
        entries: 20,
      },
    });
  });

  const errors = [
    [51, "directory.busy", "busy (51): later"],
    [52, "directory.busy", "unavailable (52): later"],
    [80, "directory.busy", "other (80): later"],
    [50, "directory.denied", "insufficientAccessRights (50): later"],
    [1, "directory.refused", "operationsError (1): later"],
    [34, "directory.refused", "invalidDNSyntax (34): later"],
    [9999, "directory.refused", "unknown result (9999): later"],
  ] as const;
  for (const [code, error, words] of errors) {
    it(`fails as ${error} after result ${code}`, async () => {
      const stop = (page: number, reply: ScriptReply): boolean => {
        if (page !== 1) return false;
        reply.result(code, { diagnostic: "later" });
        return true;
      };
      const server = await script({ search: tenPages(stop) });
      expect(failure(await list(directoryAt(server.url)))).toEqual([
        error,
        `search below dc=example: ${words}`,
      ]);
    });
  }

  it("names the nearest existing parent of a base that is not there", async () => {
    const server = await script({
      search: (_, reply) => reply.result(32, { matchedDn: "ou=People,dc=example" }),
    });
    expect(await list(directoryAt(server.url))).toEqual({
      error: "scope.missing",
      message: "search below dc=example: noSuchObject (32)",
      hint: "the nearest existing parent is ou=People,dc=example",
    });
  });
});

describe("a server without paged results", () => {
  const unpaged = (request: ScriptedRequest, reply: ScriptReply): void => {
    for (let at = 0; at < 1201; at++) person(reply, at);
    reply.result(request.page === undefined ? 0 : 2);
  };

  it("is asked without the control when it says so", async () => {
    const server = await script({
      search: unpaged,
      rootDse(_, reply) {
        reply.entry("", { supportedControl: ["2.16.840.1.113730.3.4.2"] });
        reply.result(0);
      },
    });
    expect(await list(directoryAt(server.url))).toEqual({
      names: names(0, 1200),
      outcome: { whole: true, entries: 1201, pages: 1 },
    });
  });

  it("is asked with a control that it may ignore when its root DSE cannot be read", async () => {
    const server = await script({
      search(_, reply) {
        for (let at = 0; at < 5; at++) person(reply, at);
        reply.result(0);
      },
      rootDse: (_, reply) => reply.result(50),
    });
    expect(await list(directoryAt(server.url))).toEqual({
      names: names(0, 4),
      outcome: { whole: true, entries: 5, pages: 1 },
    });
    expect(server.requests.at(-1)?.controls.get(PAGED_RESULTS)?.critical).toBe(false);
  });

  it("is not believed when just one page comes and the control is missing", async () => {
    const search = (_: ScriptedRequest, reply: ScriptReply): void => {
      person(reply, 0);
      person(reply, 1);
      reply.result(0);
    };
    const refused = [
      "directory.refused",
      "search below dc=example: a page came without its paged results control",
    ];
    const knowsPaging = await script({ search });
    expect(failure(await list(directoryAt(knowsPaging.url)))).toEqual(refused);
    const unknown = await script({ search, rootDse: (_, reply) => reply.result(50) });
    expect(failure(await list(directoryAt(unknown.url)))).toEqual(refused);
  });
});

describe("bytes that no server should send", () => {
  const messages: Readonly<Record<string, [Buffer, string]>> = {
    "text of another protocol": [
      Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"),
      "not an LDAP message",
    ],
    "an indefinite length": [Buffer.of(0x30, 0x80, 0, 0), "length not allowed"],
    "a length of five octets": [Buffer.of(0x30, 0x85, 1, 1, 1, 1, 1), "length not allowed"],
    "an empty message": [Buffer.of(0x30, 0x00), "integer missing"],
    "a message id without content": [
      tlv(0x30, Buffer.of(0x02, 0x00)),
      'The value of "offset" is out of range. It must be >= 0 and <= 3. Received 4',
    ],
    "a request": [tlv(0x30, Buffer.of(2, 1, 3), tlv(0x63)), "operation 0x63 is no response"],
    "an element that ends behind its message": [
      tlv(0x30, Buffer.of(2, 1, 3), Buffer.of(0x64, 0x50)),
      "element too long",
    ],
    "an attribute that ends behind its entry": [
      tlv(
        0x30,
        Buffer.of(2, 1, 3),
        tlv(0x64, tlv(4), tlv(0x30, Buffer.of(0x30, 0x20))),
        Buffer.alloc(64),
      ),
      "element too long",
    ],
    "an element with a negative length": [
      tlv(0x30, Buffer.of(2, 1, 3), Buffer.of(0x64, 0x84, 0xff, 0xff, 0xff, 0xff)),
      "element too long",
    ],
    "a message above the limit": [
      Buffer.of(0x30, 0x84, 0x7f, 0xff, 0xff, 0xff),
      "message of 2147483647 bytes is above the limit of 1000000",
    ],
  };
  for (const [what, [bytes, words]] of Object.entries(messages)) {
    it(`end the read: ${what}`, async () => {
      const server = await script({ search: (_, reply) => reply.bytes(bytes) });
      const [code, message] = failure(
        await list(directoryAt(server.url, { maxMessageBytes: 1_000_000 })),
      ) as [string, string];
      expect([code, message.replace(/(?<=out of range).*/, "")]).toEqual([
        "directory.unreachable",
        `the server broke the LDAP protocol: ${words}`.replace(/(?<=out of range).*/, ""),
      ]);
    });
  }

  it("never hang a read, crash it or fail it in an unnamed way", async () => {
    // A fixed sequence (Lehmer), so that a failure can be repeated.
    let state = 42;
    const random = (below: number): number => {
      state = (state * 48_271) % 0x7fff_ffff;
      return state % below;
    };
    const text = (value: string): Buffer => tlv(4, Buffer.from(value));
    const attribute = (name: string, value: string): Buffer =>
      tlv(0x30, text(name), tlv(0x31, text(value)));
    const server = await script({
      search({ messageId }, reply) {
        const id = Buffer.of(2, 1, messageId);
        const list = tlv(0x30, attribute("cn", "p"), attribute("entryUUID", uuid(1)));
        const entry = tlv(0x30, id, tlv(0x64, text("cn=p"), list));
        const control = tlv(
          0x30,
          text(PAGED_RESULTS),
          tlv(4, tlv(0x30, Buffer.of(2, 1, 0), tlv(4))),
        );
        const success = [Buffer.of(0x0a, 1, 0), text(""), text("")];
        const done = tlv(0x30, id, tlv(0x65, ...success), tlv(0xa0, control));
        const bytes = Buffer.concat([entry, done]);
        for (let flips = 1 + random(3); flips > 0; flips--) {
          bytes[random(bytes.length)] = random(256);
        }
        reply.bytes(bytes);
        reply.cut();
      },
    });
    const directory = directoryAt(server.url);
    const ends = new Set<unknown>();
    for (let round = 0; round < 500; round++) {
      const listing = await list(directory);
      ends.add("error" in listing ? listing.error : "outcome" in listing && "list");
    }
    expect([...ends].sort()).toEqual(["directory.refused", "directory.unreachable", "list"]);
  });
});

describe("a slow or silent server", () => {
  it("is given up after the operation time-out", async () => {
    const server = await script({ search() {} });
    expect(failure(await list(directoryAt(server.url)))).toEqual([
      "directory.unreachable",
      "no answer for 400 ms",
    ]);
  });

  it("is given up in the middle of a page", async () => {
    const server = await script({ search: (_, reply) => person(reply, 0) });
    expect(failure(await list(directoryAt(server.url)))).toEqual([
      "directory.unreachable",
      "no answer for 400 ms",
    ]);
  });

  it("is given up when it does not answer the bind", async () => {
    const server = await script({ search() {}, bind() {} });
    const directory = directoryAt(server.url, { connectTimeoutMs: 200, operationTimeoutMs: 5000 });
    expect(failure(await list(directory))).toEqual([
      "directory.unreachable",
      "cannot connect within 200 ms",
    ]);
    await expect.poll(() => server.openConnections).toBe(0);
  });

  it("may send single bytes, as long as they keep coming", async () => {
    const server = await script({
      search(_, reply) {
        reply.drip(10);
        person(reply, 0);
        reply.result(0, { cookie: "" });
      },
    });
    const started = performance.now();
    expect(await list(directoryAt(server.url))).toEqual({
      names: ["cn=p0"],
      outcome: { whole: true, entries: 1, pages: 1 },
    });
    expect(performance.now() - started).toBeGreaterThan(800);
  });

  it("waits for a consumer that takes longer than the time-out", async () => {
    const server = await script({
      search(_, reply) {
        for (let at = 0; at < 20_000; at++) person(reply, at);
        reply.result(0, { cookie: "" });
      },
    });
    const directory = directoryAt(server.url, { pageSize: 20_000 });
    const search = directory.search(EVERYBODY, never);
    let entries = 0;
    for (let batches = 0; ; batches++) {
      const step = await search.next();
      if (step.done === true) {
        expect([entries, step.value]).toEqual([20_000, { whole: true, entries: 20_000, pages: 1 }]);
        return;
      }
      entries += step.value.length;
      if (batches === 1) await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  });
});

describe("back-pressure", () => {
  it("asks for no page beyond the one that waits for the consumer", async () => {
    const pages = 12;
    const server = await script({
      search(request, reply) {
        const page = Number(request.page?.cookie || "0");
        for (let at = 0; at < 500; at++) person(reply, 500 * page + at);
        reply.result(0, { cookie: page === pages - 1 ? "" : String(page + 1) });
      },
    });
    const directory = directoryAt(server.url, { pageSize: 500 });
    const search = directory.search(EVERYBODY, never);
    const first = await search.next();
    if (first.done === true) throw new Error("ended at once");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const asked = server.requests.filter((request) => request.page !== undefined).length;
    expect(asked).toBe(2);
    let entries = first.value.length;
    for (;;) {
      const step = await search.next();
      if (step.done === true) break;
      entries += step.value.length;
    }
    expect(entries).toBe(500 * pages);
  });
});

describe("back-pressure without pages", () => {
  it("leaves with the server what the consumer has not asked for", async () => {
    const entries = 3000;
    const value = "v".repeat(10_000);
    const server = await script({
      search(_, reply) {
        for (let at = 0; at < entries; at++) {
          reply.entry(`cn=p${at}`, { entryUUID: [uuid(at)], cn: [value] });
        }
        reply.result(0, { cookie: "" });
      },
    });
    const search = directoryAt(server.url).search(EVERYBODY, never);
    const first = await search.next();
    if (first.done === true) throw new Error("ended at once");
    // A batch ends at 4 MiB, long before 500 entries.
    expect(first.value.length).toBe(416);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(server.unsentBytes).toBeGreaterThan(5_000_000);
    let read = first.value.length;
    for (;;) {
      const step = await search.next();
      if (step.done === true) break;
      read += step.value.length;
    }
    expect([read, server.unsentBytes]).toEqual([entries, 0]);
  });
});

describe("messages that a search did not ask for", () => {
  it("fails as busy after a notice of disconnection that says so", async () => {
    const server = await script({ search: (_, reply) => reply.noticeOfDisconnection(51) });
    expect(failure(await list(directoryAt(server.url)))).toEqual([
      "directory.busy",
      "the server ended the connection: busy (51): going down",
    ]);
  });

  it("fails after a notice of disconnection in the middle of a page", async () => {
    const notice = (page: number, reply: ScriptReply): boolean => {
      if (page === 2) reply.noticeOfDisconnection(8);
      return page === 2;
    };
    const server = await script({ search: tenPages(notice) });
    expect(failure(await list(directoryAt(server.url)))).toEqual([
      "directory.unreachable",
      "the server ended the connection: strongerAuthRequired (8): going down",
    ]);
  });

  it("steps over intermediate responses", async () => {
    const intermediate = (_: number, reply: ScriptReply): boolean => {
      reply.intermediate();
      return false;
    };
    const server = await script({ search: tenPages(intermediate) });
    expect(await list(directoryAt(server.url))).toEqual({
      names: names(0, 19),
      outcome: { whole: true, entries: 20, pages: 10 },
    });
  });
});

describe("leaving a search", () => {
  const endless = (page: number, reply: ScriptReply): boolean => {
    person(reply, page);
    reply.result(0, { cookie: String(page + 1) });
    return true;
  };

  it("tells the server and closes the connection when the loop is left", async () => {
    const server = await script({ search: tenPages(endless) });
    for await (const batch of directoryAt(server.url).search(EVERYBODY, never)) {
      expect(batch.length).toBeGreaterThan(0);
      break;
    }
    await expect.poll(() => server.openConnections).toBe(1);
    expect(server.requests.at(-1)?.kind).toBe("unbind");
  });

  it("abandons it and throws the signal's reason when it is aborted", async () => {
    const server = await script({ search() {} });
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), 50);
    const directory = directoryAt(server.url);
    expect(await list(directory, {}, controller.signal)).toMatchObject({ message: "enough" });
    await expect.poll(() => server.openConnections).toBe(1);
    const asked = server.requests.find((request) => request.baseDn === "dc=example");
    const abandoned = server.requests.find((request) => request.kind === "abandon");
    expect(abandoned?.abandonedId).toBe(asked?.messageId);
  });

  it("sends nothing when the signal was aborted before", async () => {
    const server = await script({ search() {} });
    const signal = AbortSignal.abort(new Error("never mind"));
    expect(await list(directoryAt(server.url), {}, signal)).toMatchObject({
      message: "never mind",
    });
    expect(server.requests).toEqual([]);
  });
});

describe("attributes that come in ranges", () => {
  const ACTIVE_DIRECTORY = { kind: "activeDirectory" } as const;
  const guid = (at: number): Buffer => Buffer.alloc(16, at);
  const member = (from: number, to: number): string[] =>
    Array.from({ length: to - from + 1 }, (_, at) => `cn=m${from + at}`);

  /** Two groups with 3,500 members, 1,500 at a time, in front of a second page. */
  function groups(more: (from: number, reply: ScriptReply) => boolean = () => false) {
    return (request: ScriptedRequest, reply: ScriptReply): void => {
      const range = /^member;range=(\d+)-\*$/.exec(request.attributes[0] ?? "");
      if (range !== null) {
        const from = Number(range[1]);
        if (more(from, reply)) return;
        const last = from + 1499 >= 3499;
        const name = `member;range=${from}-${last ? "*" : from + 1499}`;
        reply.entry(request.baseDn, { [name]: member(from, last ? 3499 : from + 1499) });
        reply.result(0);
        return;
      }
      const second = request.page?.cookie === "next";
      reply.entry(second ? "cn=g2" : "cn=g1", {
        objectGUID: [guid(second ? 2 : 1)],
        member: [],
        "member;range=0-1499": member(0, 1499),
      });
      if (request.searchScope !== 0)
        reply.entry(second ? "cn=g4" : "cn=g3", { objectGUID: [guid(second ? 4 : 3)] });
      reply.result(0, { cookie: second ? "" : "next" });
    };
  }

  async function members(server: LdapScript): Promise<unknown> {
    const found: Record<string, readonly unknown[]> = {};
    const directory = directoryAt(server.url, ACTIVE_DIRECTORY);
    const search = directory.search({ ...EVERYBODY, attributes: ["member"] }, never);
    for (;;) {
      const step = await search.next();
      if (step.done === true) return { found, outcome: step.value };
      for (const { dn, attributes } of step.value) {
        expect([...attributes.keys()]).toEqual(dn === "cn=g1" || dn === "cn=g2" ? ["member"] : []);
        found[dn] = attributes.get("member") ?? [];
      }
    }
  }

  it("are read to their end before the entry is delivered", async () => {
    const server = await script({ search: groups() });
    expect(await members(server)).toEqual({
      found: { "cn=g1": member(0, 3499), "cn=g2": member(0, 3499), "cn=g3": [], "cn=g4": [] },
      outcome: { whole: true, entries: 4, pages: 2 },
    });
  });

  const broken: Readonly<Record<string, [(reply: ScriptReply) => void, string, string]>> = {
    "the server is busy": [
      (reply) => reply.result(51),
      "directory.busy",
      "values of member from 3000 on: busy (51)",
    ],
    "the entry is gone": [
      (reply) => reply.result(32),
      "directory.busy",
      "values of member from 3000 on: noSuchObject (32)",
    ],
    "the read is cut": [
      (reply) => reply.result(3),
      "directory.busy",
      "values of member from 3000 on: timeLimitExceeded (3)",
    ],
    "no more values come": [
      (reply) => {
        reply.entry("cn=g", { member: [] });
        reply.result(0);
      },
      "directory.busy",
      "values of member from 3000 on: the attribute changed while it was read",
    ],
    "the range starts again": [
      (reply) => {
        reply.entry("cn=g", { "member;range=0-1499": member(0, 1499) });
        reply.result(0);
      },
      "directory.unreachable",
      "the server broke the LDAP protocol: range starts at 0, not 3000",
    ],
    "the range has a hole": [
      (reply) => {
        reply.entry("cn=g", { "member;range=3000-3100": member(3000, 3050) });
        reply.result(0);
      },
      "directory.unreachable",
      "the server broke the LDAP protocol: range with another number of values",
    ],
    "the values come without a range": [
      (reply) => {
        reply.entry("cn=g", { member: member(0, 3499) });
        reply.result(0);
      },
      "directory.unreachable",
      "the server broke the LDAP protocol: values without their range",
    ],
    "the connection is cut": [
      (reply) => reply.cut(),
      "directory.unreachable",
      "connection closed by the server",
    ],
  };
  for (const [what, [answer, code, words]] of Object.entries(broken)) {
    it(`fail the read when ${what}`, async () => {
      const stop = (from: number, reply: ScriptReply): boolean => {
        if (from === 3000) answer(reply);
        return from === 3000;
      };
      const server = await script({ search: groups(stop) });
      const listing = await list(directoryAt(server.url, ACTIVE_DIRECTORY));
      expect(failure(listing)).toEqual([code, words]);
    });
  }

  it("are read while the rest of the page comes in, more than may wait for the consumer", async () => {
    const value = "v".repeat(2000);
    let sendRest = (): void => {};
    const server = await script({
      search(request, reply) {
        const some = (from: number, to: number): void => {
          for (let at = from; at <= to; at++) {
            reply.entry(`cn=g${at}`, { objectGUID: [guid(1)], description: [value] });
          }
        };
        if (request.searchScope === 0) {
          sendRest();
          reply.entry(request.baseDn, { "member;range=2-*": member(2, 2) });
          reply.result(0);
          return;
        }
        reply.entry("cn=g0", { objectGUID: [guid(0)], "member;range=0-1": member(0, 1) });
        some(1, 499);
        sendRest = () => {
          some(500, 1700);
          reply.result(0, { cookie: "" });
        };
      },
    });
    const directory = directoryAt(server.url, { ...ACTIVE_DIRECTORY, pageSize: 2000 });
    expect(await list(directory)).toEqual({
      names: Array.from({ length: 1701 }, (_, at) => `cn=g${at}`),
      outcome: { whole: true, entries: 1701, pages: 1 },
    });
  });

  it("are completed by a read by DN too", async () => {
    const server = await script({ search: groups() });
    const directory = directoryAt(server.url, ACTIVE_DIRECTORY);
    const entry = await directory.read("cn=g1", ["member"], never);
    expect(entry?.attributes.get("member")).toEqual(member(0, 3499));
  });
});

describe("entries", () => {
  it("carry what was asked for: text, bytes, options in names, and text that is not UTF-8", async () => {
    const server = await script({
      search(_, reply) {
        reply.entry("cn=Zoë", {
          CN: ["Zoë", "Zoe"],
          "cn;lang-ja": ["ゾーイ"],
          "userCertificate;binary": [Buffer.of(0x30, 0)],
          jpegPhoto: [Buffer.from("ascii")],
          description: [Buffer.of(0x4d, 0xfc), "\ufffd"],
          seeAlso: [],
          entryUUID: [uuid(1).toUpperCase()],
        });
        reply.result(0, { cookie: "" });
      },
    });
    const directory = directoryAt(server.url);
    const step = await directory.search(EVERYBODY, never).next();
    expect(step.value).toEqual([
      {
        dn: "cn=Zoë",
        id: uuid(1),
        anchor: uuid(1),
        attributes: new Map<string, unknown>([
          ["cn", ["Zoë", "Zoe"]],
          ["cn;lang-ja", ["ゾーイ"]],
          ["usercertificate", [Buffer.of(0x30, 0)]],
          ["jpegphoto", [Buffer.from("ascii")]],
          ["description", [Buffer.of(0x4d, 0xfc), "\ufffd"]],
        ]),
      },
    ]);
  });

  it("of Active Directory are named by objectGUID and anchored by mS-DS-ConsistencyGuid", async () => {
    const server = await script({
      search(request, reply) {
        expect([...request.controls.keys()]).toContain("1.2.840.113556.1.4.1339");
        const objectGUID = [Buffer.from("33221100554477668899aabbccddeeff", "hex")];
        reply.entry("cn=a", { objectGUID });
        const anchor = [Buffer.from("ffeeddccbbaa99887766554433221100", "hex")];
        reply.entry("cn=b", { objectGUID, "mS-DS-ConsistencyGuid": anchor });
        reply.result(0, { cookie: "" });
      },
    });
    const directory = directoryAt(server.url, { kind: "activeDirectory" });
    const step = await directory.search({ ...EVERYBODY, attributes: [] }, never).next();
    const id = "00112233-4455-6677-8899-aabbccddeeff";
    expect(step.value).toEqual([
      { dn: "cn=a", id, anchor: id, attributes: new Map() },
      {
        dn: "cn=b",
        id,
        anchor: "ccddeeff-aabb-8899-7766-554433221100",
        attributes: new Map(),
      },
    ]);
  });

  it("without an id fail the read, since a missing entry would count as gone", async () => {
    const server = await script({
      search(_, reply) {
        person(reply, 0);
        reply.entry("cn=p1", { cn: ["p1"] });
        reply.result(0, { cookie: "" });
      },
    });
    expect(await list(directoryAt(server.url))).toEqual({
      error: "directory.refused",
      message: "an entry has no readable entryUUID",
      hint: "the bind account needs the right to read entryUUID of every entry that it may find",
    });
  });
});
