// The least that can answer a request: argv[2] is the path of the built guards, argv[3] the connection string, argv[4] how
// many requests are answered at once, argv[5] the answer's document. Prints a line when it listens.
import { createHash, randomUUID } from "node:crypto";
import { pathToFileURL } from "node:url";
import { ServiceBusClient } from "@azure/service-bus";

const [, , guards, connectionString, concurrency, document] = process.argv;
const { installGuards } = await import(pathToFileURL(guards).href);
installGuards();

const body = Buffer.from(document);
const sha256 = createHash("sha256").update(body).digest();
const digest = createHash("sha256").update(sha256).digest("hex");
const receiver = new ServiceBusClient(connectionString).createReceiver("echo", {
  skipParsingBodyAsJson: true,
});
const sender = new ServiceBusClient(connectionString).createSender("replies");

receiver.subscribe(
  {
    processMessage: async (message) => {
      await sender.sendMessages({
        messageId: `${message.messageId}:0`,
        correlationId: message.messageId,
        sessionId: message.replyToSessionId,
        subject: "200",
        body,
        applicationProperties: {
          "http:response": "1.1",
          answer: randomUUID(),
          part: 0,
          last: true,
          parts: 1,
          items: 0,
          digest,
        },
      });
      await receiver.completeMessage(message);
    },
    processError: async ({ error }) => console.error(error.message),
  },
  { autoCompleteMessages: false, maxConcurrentCalls: Number(concurrency) },
);
process.on("disconnect", () => process.exit(0));
process.stdout.write("listening\n");
