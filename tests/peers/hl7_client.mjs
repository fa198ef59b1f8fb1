// A record system of others: says each message it reads from stdin (one JSON string a line) and prints the answer's code and control id.
import { Client, Message } from 'node-hl7-client';
import { createInterface } from 'node:readline';

let heard;
const client = new Client({ host: '127.0.0.1' });
const line = client.createConnection({ port: Number(process.argv[2]) }, async (response) => {
  const answer = response.getMessage();
  heard([answer.get('MSA.1').toString(), answer.get('MSA.2').toString()]);
});
for await (const text of createInterface({ input: process.stdin })) {
  const answer = new Promise((resolve) => (heard = resolve));
  await line.sendMessage(new Message({ text: JSON.parse(text) }));
  console.log(JSON.stringify(await answer));
}
await line.close();
process.exit(0);
