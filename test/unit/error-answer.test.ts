import { describe, expect, it } from "vitest";
import { AgentError, ERROR_CODES, type ErrorCode } from "../../agent/core/error.ts";
import { errorAnswer } from "../../agent/core/error-answer.ts";
import { ScimError } from "../../agent/core/scim/error.ts";

const SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error";

describe("errorAnswer", () => {
  it("says of a SCIM error what it says, and not to retry", () => {
    const error = new ScimError(400, "no filter", { scimType: "invalidFilter" });
    expect(errorAnswer(error)).toEqual({
      kind: "document",
      status: 400,
      body: { schemas: [SCHEMA], status: "400", scimType: "invalidFilter", detail: "no filter" },
    });
  });

  it.each(Object.keys(ERROR_CODES) as ErrorCode[])(
    "asks for a retry after %s if and only if that is of use",
    (code) => {
      const { status, headers, body } = errorAnswer(new AgentError(code, "message"));
      const { retryable } = ERROR_CODES[code];
      expect(status).toBe(retryable ? 503 : 500);
      expect(headers).toEqual(retryable ? { "retry-after": "30" } : undefined);
      expect(body).toMatchObject({ schemas: [SCHEMA], status: String(status) });
      expect((body as { detail: string }).detail).toMatch(new RegExp(`^${code}: .+`));
    },
  );

  it.each([
    "directory.unreachable",
    "directory.busy",
    "directory.incomplete",
    "directory.denied",
  ] as const)("does not tell the cloud what %s knows of the network and the account", (code) => {
    const error = new AgentError(code, "bind as cn=agent at ldap.internal:636 failed", {
      hint: "check bindDn",
      cause: new Error("10.0.0.7"),
    });
    expect(JSON.stringify(errorAnswer(error))).not.toMatch(/internal|agent at|10\.0|bindDn/);
  });

  it.each([new TypeError("x.mail is ada@example.com"), "ada@example.com", undefined])(
    "tells nothing of a programming error: %s",
    (error) => {
      expect(errorAnswer(error)).toEqual({
        kind: "document",
        status: 500,
        body: {
          schemas: [SCHEMA],
          status: "500",
          detail: "internal error; the agent's log has the details",
        },
      });
    },
  );
});
