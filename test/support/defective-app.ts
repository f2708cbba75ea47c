import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { appUnderTest } from "./scim-app.ts";

interface Passing {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** What goes wrong on the way to an app that is right. */
export interface Defect {
  /** Changes a request; undefined leaves it out and answers 204. */
  readonly request?: (request: Passing) => Passing | undefined;
  readonly answer?: (answer: Answer, request: Passing) => Answer;
}

const isList = ({ method, path }: Passing) => method === "GET" && /^\/(Users|Groups)\?/.test(path);
const isEmptyList = ({ body }: Answer) => body.includes('"totalResults":0');

/** Ways in which SCIM apps are wrong, by name. */
export const DEFECTS: Readonly<Record<string, Defect>> = {
  "404 for nothing found": {
    answer: (answer, request) =>
      isList(request) && isEmptyList(answer) ? { status: 404, body: "{}" } : answer,
  },
  "a filter that is not followed": {
    request: (request) =>
      isList(request) ? { ...request, path: request.path.replace(/filter=[^&]*&?/, "") } : request,
  },
  "excludedAttributes that is not followed": {
    request: (request) => ({
      ...request,
      path: request.path.replace(/excludedAttributes=[^&]*&?/, ""),
    }),
  },
  "a PATCH that is not applied": {
    request: (request) => (request.method === "PATCH" ? undefined : request),
  },
  "a DELETE that is not done": {
    request: (request) => (request.method === "DELETE" ? undefined : request),
  },
  "users who are hidden when disabled": {
    answer: (answer, request) =>
      request.method === "GET" && answer.body.includes('"active":false')
        ? {
            status: 200,
            body: JSON.stringify({
              schemas: ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
              ...{ totalResults: 0, Resources: [] },
            }),
          }
        : answer,
  },
};

/** An embedded app behind a defect. */
export async function startDefectiveApp({ request, answer }: Defect): Promise<string> {
  const { app } = await appUnderTest({ profile: "entra" });
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const given = {
        method: incoming.method ?? "",
        path: incoming.url ?? "",
        body: Buffer.concat(chunks).toString("utf8"),
      };
      pass(given).then(
        ({ status, body }) => {
          outgoing.writeHead(status, { "content-type": "application/scim+json" });
          outgoing.end(status === 204 ? undefined : body);
        },
        () => outgoing.destroy(),
      );
    });
  });
  const pass = async (given: Passing): Promise<Answer> => {
    const sent = request === undefined ? given : request(given);
    if (sent === undefined) return { status: 204, body: "" };
    const response = await fetch(`${app.url}${sent.path}`, {
      method: sent.method,
      headers: { "content-type": "application/scim+json" },
      ...(sent.body === "" ? {} : { body: sent.body }),
    });
    const came = { status: response.status, body: await response.text() };
    return answer === undefined ? came : answer(came, given);
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await app.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
