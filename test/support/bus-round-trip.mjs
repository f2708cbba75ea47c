// Sends a message to a queue and receives it, with the unmodified client: argv[2] is the connection string, argv[3] the
// queue. Prints the body. In a process of its own, so that NODE_EXTRA_CA_CERTS can be set for it.
import { ServiceBusClient } from "@azure/service-bus";

const [, , connectionString, queue] = process.argv;
const retryOptions = { maxRetries: 0, timeoutInMs: 5_000 };
const client = new ServiceBusClient(connectionString, { retryOptions });
try {
  await client.createSender(queue).sendMessages({ body: "over TLS" });
  const receiver = client.createReceiver(queue);
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 5_000 });
  await receiver.completeMessage(message);
  console.log(message.body);
} finally {
  await client.close();
}
