import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AgentProcess } from "../support/command.ts";
import { type RawBus, rawRequest } from "../support/raw-bus.ts";
import {
  documents,
  documentsOf,
  never,
  outgoing,
  startRequester,
  type Undo,
} from "../support/requester-world.ts";
import { json, type RawAnswer, RightsWorld, refusal, search } from "../support/rights-world.ts";

const undo: Undo = [];
let world: RightsWorld;
let agent: AgentProcess;
let sender: RawBus;
let isHanging = false;

beforeAll(async () => {
  world = await RightsWorld.open(undo, { hangs: () => isHanging });
  agent = await world.startAgent();
  sender = await world.bus("send-requests");
});

afterAll(async () => {
  for (const release of undo.splice(0).reverse()) await release();
});

/** Everything of an answer that could tell something, with the id that was asked for left out. */
function seen({ status, text, parts }: RawAnswer, asked = ""): object {
  const properties = parts.map(({ applicationProperties = {}, contentType }) => {
    const { answer: _fresh, digest: _ofTheText, ...told } = applicationProperties;
    return { ...told, contentType };
  });
  return { status, text: asked === "" ? text : text.replaceAll(asked, "ASKED"), properties };
}

/** What the answer lists. */
function listed({ text }: RawAnswer): readonly Readonly<Record<string, unknown>>[] {
  return text.split("\n").flatMap((part) => JSON.parse(part).Resources ?? []);
}

const UNAUTHORIZED = "UnauthorizedAccess";

describe("somebody with Send on the request queue", () => {
  it("T1: cannot have an answer sent to a queue that the agent was not told of, and the directory is not asked", async () => {
    const before = world.searches;
    // The agent may send to `heartbeats`, and anybody may name the queue that requests come from.
    const wanted = [
      ...["heartbeats", "requests", "writes", "elsewhere", "replies ", "replies/$deadletterqueue"],
      ...[
        "replies/../heartbeats",
        "sb://evil.servicebus.windows.net/replies",
        "replies\u0000",
        "*",
      ],
      ...["replies,heartbeats", "__proto__", "\uff52eplies"],
    ];
    for (const replyTo of wanted) {
      await sender.send("requests", rawRequest({ ...search('userName eq "ada"'), replyTo }));
    }
    const dead = await world.deadLetters(wanted.length);
    expect(dead.map(({ deadLetterReason }) => deadLetterReason)).toEqual(
      wanted.map(() => "ReplyToForbidden"),
    );
    expect(world.searches).toBe(before);
    for (const queue of ["heartbeats", "requests", "writes", "replies"]) {
      expect(await world.broker.stats(queue), queue).toMatchObject({ active: 0, locked: 0 });
    }
    // The same request with the right queue is one that does ask the directory.
    expect(listed(await world.ask(search('userName eq "ada"')))).toHaveLength(1);
    expect(world.searches).toBeGreaterThan(before);
  });

  it("T2: cannot tell what is out of scope from what does not exist, by id, by search or by delta", async () => {
    const nobody = randomUUID();
    expect((await world.ask({ to: `/Users/${world.idOf("Ada")}` })).status).toBe("200");
    for (const endpoint of ["Users", "Groups"]) {
      for (const cn of ["Eve", "Ivy", "Bob", "Nameless", "Keepers"]) {
        const id = world.idOf(cn);
        for (const header of [{}, { "if-match": "*" }, { "if-none-match": "*" }]) {
          const applicationProperties = { "http:request": "1.1", ...header };
          const [hidden, absent] = [
            await world.ask({ to: `/${endpoint}/${id}`, applicationProperties }),
            await world.ask({ to: `/${endpoint}/${nobody}`, applicationProperties }),
          ];
          expect(hidden.status).toBe("404");
          expect(seen(hidden, id)).toEqual(seen(absent, nobody));
        }
      }
    }
    const pairs = [
      [`id eq "${world.idOf("Eve")}"`, `id eq "${nobody}"`],
      ['userName eq "eve"', 'userName eq "nobody"'],
      ['userName eq "ivy"', 'userName eq "nobody"'],
      ['userName eq "bob" and userType eq "Robot"', 'userName eq "nobody" and userType eq "Robot"'],
      ['emails.value eq "eve@vault.example"', 'emails.value eq "nobody@vault.example"'],
      ['title co "Keep"', 'title co "Nothing"'],
      ['userName sw "ev"', 'userName sw "zz"'],
    ] as const;
    for (const [hidden, absent] of pairs) {
      const [found, none] = [await world.ask(search(hidden)), await world.ask(search(absent))];
      expect([found.status, listed(found)]).toEqual(["200", []]);
      expect(seen(found)).toEqual(seen(none));
    }
    const delta = await world.ask({ subject: "POST", to: "/.delta", body: json({}) });
    const names = listed(delta).map((change) => (change as { data: { id: string } }).data.id);
    expect(new Set(names)).toEqual(new Set(["Ada", "Star", "Readers"].map((cn) => world.idOf(cn))));
    expect(delta.text).not.toMatch(/vault|Keeper|Nameless|Ivy|Bob/i);
  });

  it("T2: learns of what is out of scope its id, where something in scope refers to it, and from explain the rule", async () => {
    const [ada] = listed(await world.ask(search('userName eq "ada"')));
    expect(JSON.stringify(ada)).toContain(world.idOf("Eve"));
    const explain = {
      subject: "POST",
      to: "/agent/explain",
      body: json({ id: world.idOf("Eve") }),
    };
    const { status, text } = await world.ask(explain);
    expect([status, JSON.parse(text)]).toEqual([
      "200",
      expect.objectContaining({ id: world.idOf("Eve"), inScope: false }),
    ]);
    for (const value of ["eve@vault.example", "Keeper", '"eve"', "Eve"]) {
      expect(text).not.toContain(value);
    }
  });

  it("T3: cannot write, whatever the method and whatever it is dressed as", async () => {
    const before = world.directory.store.contextCsn;
    const id = world.idOf("Ada");
    const body = json({ schemas: [], userName: "mallory", Operations: [] });
    const asked: [string, string, string][] = [
      ["POST", "/Users", "403"],
      ["PUT", `/Users/${id}`, "403"],
      ["PATCH", `/Users/${id}`, "403"],
      ["delete", `/Users/${id}`, "403"],
      ["POST", "/Groups", "403"],
      ["POST", "/Bulk", "403"],
      ["PUT", "/Schemas/x", "405"],
      ["PATCH", "/Users/.search", "405"],
      ["ADD", "/Users", "405"],
    ];
    const found: typeof asked = [];
    for (const [subject, to] of asked) {
      const override = { "x-http-method-override": "DELETE", "idempotency-key": randomUUID() };
      const applicationProperties = { "http:request": "1.1", ...override };
      const { status } = await world.ask({ subject, to, body, applicationProperties });
      found.push([subject, to, String(status)]);
    }
    expect(found).toEqual(asked);
    expect((await world.ask({ to: `/Users/${id}` })).status).toBe("200");
    expect(world.directory.store.contextCsn).toBe(before);
    // The queue for the day that writes are on takes nothing from a requester that only reads.
    for (const rule of ["send-requests", "requester"] as const) {
      const client = await world.client(rule);
      const sent = client.createSender("writes").sendMessages({ body });
      expect(await refusal(sent), rule).toBe(UNAUTHORIZED);
    }
  });

  it("T4: cannot put an answer into another's, though it knows the session that the other waits in", async () => {
    const connectionString = await world.connectionString("requester");
    const { requester } = startRequester(undo, connectionString);
    isHanging = true;
    const before = world.searches;
    const filter = 'userName eq "ada"';
    const asked = requester.request(
      outgoing({
        path: "/Users/.search",
        body: JSON.parse(String(search(filter).body)),
        stream: false,
      }),
      {},
      never,
    );
    await expect.poll(() => world.searches).toBeGreaterThan(before);
    const peeker = (await world.bus("listen-requests")).client.createReceiver("requests");
    const [waiting] = await peeker.peekMessages(1);
    const session = { replyTo: "replies", replyToSessionId: String(waiting?.replyToSessionId) };
    isHanging = false;
    for (let n = 0; n < 5; n++) await sender.send("requests", rawRequest(session));
    await expect.poll(() => requester.strangers, { timeout: 10_000 }).toBe(5);
    const correlationId = String(waiting?.messageId);
    await sender.send("requests", rawRequest({ ...session, correlationId }));
    await expect.poll(() => requester.strangers, { timeout: 10_000 }).toBe(6);
    expect(requester.inFlight).toBe(1);
    // What hung is put back when its agent stops, and answered by the next one.
    await agent.kill("SIGTERM");
    agent = await world.startAgent();
    const reply = await asked;
    const [document] = (await documentsOf(reply)) as { Resources: { id: string }[] }[];
    expect(document?.Resources.map(({ id }) => id)).toEqual([world.idOf("Ada")]);
    expect([reply.parts, reply.counts()]).toEqual([1, { repeated: 0, dropped: 0 }]);
    await requester.close();
  });

  it("T5: cannot inject LDAP, neither by a filter nor by an id nor by a DN", async () => {
    const everyone = 2;
    expect(listed(await world.ask(search("userName pr")))).toHaveLength(everyone);
    const values = [
      ...["*", "a*", "ada)(|(uid=*", "*)(objectClass=*", "ada\\29\\28uid=\\2a", "\\2a", "a\\64a"],
      ...["ada)(&", "x)(|(objectClass=*))(uid=x", "ada\u0000", "\u0000*", "(|(uid=*))", "\uff0a"],
    ];
    for (const value of values) {
      for (const operator of ["eq", "sw", "ew", "co"]) {
        const filter = `userName ${operator} ${JSON.stringify(value)}`;
        const answer = await world.ask(search(filter));
        const names = listed(answer).map(({ userName }) => String(userName));
        const literal = ["ada", "*)(uid=*"].filter((name) => matches(name, { operator, value }));
        expect([filter, answer.status, names.sort()]).toEqual([filter, "200", literal.sort()]);
      }
    }
    // The one whose name is an attack is found by it, alone.
    expect(listed(await world.ask(search('userName eq "*)(uid=*"')))).toHaveLength(1);
    for (const id of ["*", "*)(objectClass=*", "\\2a", `${world.idOf("Ada")})(|(uid=*`, "\u0000"]) {
      expect((await world.ask({ to: `/Users/${id}` })).status, id).toBe("404");
      const { text, status } = await world.ask(search(`id eq ${JSON.stringify(id)}`));
      expect([status, JSON.parse(text).totalResults], id).toEqual(["200", 0]);
      const explain = { subject: "POST", to: "/agent/explain" };
      expect((await world.ask({ ...explain, body: json({ id }) })).status, id).toBe("404");
      const dn = `cn=${id},ou=open,dc=example,dc=com`;
      expect((await world.ask({ ...explain, body: json({ dn }) })).status, dn).toBe("404");
    }
  });
});

function matches(
  name: string,
  { operator, value }: { readonly operator: string; readonly value: string },
): boolean {
  if (operator === "sw") return name.startsWith(value);
  if (operator === "ew") return name.endsWith(value);
  return operator === "co" ? name.includes(value) : name === value;
}

describe("somebody with Listen on the request queue", () => {
  it("T8: sees what is asked, and can neither see an answer nor give one", async () => {
    const client = await world.client("listen-requests");
    await agent.kill("SIGTERM");
    const request = rawRequest({ ...search('userName eq "ada"'), replyTo: "replies" });
    await sender.send("requests", request);
    const [taken] = await client.createReceiver("requests").receiveMessages(1);
    expect([taken?.messageId, String(taken?.body.filter ?? taken?.body)]).toEqual([
      request.messageId,
      'userName eq "ada"',
    ]);
    const [answer] = documents(1);
    expect([
      await refusal(client.createReceiver("replies").peekMessages(1)),
      await refusal(client.createReceiver("replies").receiveMessages(1, { maxWaitTimeInMs: 500 })),
      await refusal(client.createSender("replies").sendMessages({ body: answer, sessionId: "x" })),
      await refusal(client.createSender("requests").sendMessages({ body: answer })),
      await refusal(client.acceptSession("replies", "x")),
    ]).toEqual(Array.from({ length: 5 }, () => UNAUTHORIZED));
    agent = await world.startAgent();
  });
});
