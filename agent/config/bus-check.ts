import type { z } from "zod";
import { memberOf, textsIn } from "./option.ts";

type Refuse = (at: readonly (string | number)[], message: string) => void;

/** What options of the bus ask of each other. */
export function checkBus(bus: unknown, issues: z.core.$RefinementCtx<unknown>): void {
  const refuse: Refuse = (at, message) =>
    issues.addIssue({ code: "custom", path: [...at], message });
  checkSignIn(bus, refuse);
  checkTransport(bus, refuse);
  checkQueues(bus, refuse);
}

function has(bus: unknown, name: string): boolean {
  return memberOf(bus, name) !== undefined;
}

function checkSignIn(bus: unknown, refuse: Refuse): void {
  const shared = has(bus, "connectionString");
  const named = has(bus, "namespace");
  const signIn = has(bus, "credential");
  const choose = "expected exactly one of connectionString and namespace";
  if (shared && named) refuse([], `has both, ${choose}`);
  if (!shared && !named) refuse([], `has neither, ${choose}`);
  if (named && !signIn) {
    refuse(["credential"], "is missing, expected how to sign in to the namespace");
  }
  if (signIn && !named) {
    refuse(["credential"], "is of no use without namespace, expected both or neither");
  }
  if (has(bus, "secondConnectionString") && !shared) {
    refuse(["secondConnectionString"], "is of no use without connectionString, expected both");
  }
}

function checkTransport(bus: unknown, refuse: Refuse): void {
  const isWebSocket = memberOf(bus, "transport") === "webSocket";
  if (has(bus, "proxy") && !isWebSocket) {
    refuse(["proxy"], "is of no use with transport: amqp, expected transport: webSocket");
  }
  if (has(bus, "ca") && !isWebSocket) {
    refuse(
      ["ca"],
      "is of no use with transport: amqp, expected transport: webSocket, or NODE_EXTRA_CA_CERTS in the environment of the agent's service",
    );
  }
  if (has(bus, "proxyCredential") && !has(bus, "proxy")) {
    refuse(["proxyCredential"], "is of no use without proxy, expected both");
  }
}

/** Each queue has one purpose: what went to a wrong one would come back, or be taken by another. */
function checkQueues(bus: unknown, refuse: Refuse): void {
  const taken = new Map<string, string>();
  const take = (name: string, called: string) => {
    const queue = memberOf(bus, name);
    if (typeof queue !== "string") return;
    const other = taken.get(queue.toLowerCase());
    if (other !== undefined) refuse([name], `is ${other}, expected another`);
    else taken.set(queue.toLowerCase(), called);
  };
  take("requestQueue", "the request queue");
  take("writeQueue", "the write queue");
  take("heartbeatQueue", "the heartbeat queue");
  take("replyQueue", "the reply queue");
  for (const { at, text: replyQueue } of textsIn(memberOf(bus, "replyQueues"))) {
    const other = taken.get(replyQueue.toLowerCase());
    if (other === undefined) continue;
    const because = other === "the heartbeat queue" ? "" : ": replies would come back as requests";
    refuse(["replyQueues", at], `is ${other}, expected another${because}`);
  }
}
