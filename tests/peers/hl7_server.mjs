// A booking system of others at the other end of MLLP. Argument: its port. Prints what it read of each message; ends with its stdin.
// It refuses 09:20, and answers what it has heard by the control id.
import { Server } from 'node-hl7-server';

const server = new Server({ bindAddress: '127.0.0.1' });
const inbound = server.createInbound({ port: Number(process.argv[2]) }, async (request, response) => {
  const message = request.getMessage();
  const get = (path) => message.get(path).toString();
  const start = get('SCH.11.4');
  const code = start.slice(8, 12) === '0920' ? 'AE' : 'AA';
  await response.sendResponse(code);
  console.log(
    JSON.stringify({
      event: get('MSH.9.2'),
      control: get('MSH.10'),
      placer: get('SCH.1.1'),
      state: get('SCH.25'),
      start,
      name: get('PID.5.1'),
      doctor: get('AIP.3'),
      code,
    }),
  );
});
inbound.on('listen', () => console.log('{}'));
process.stdin.on('end', () => process.exit(0)).resume();
