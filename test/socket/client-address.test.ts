import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { clientNetwork, directAddress } from '../../src/infra/socket/client-address.ts';

function requestFrom(remoteAddress: string | undefined, headers: IncomingMessage['headers'] = {}): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress });
  const request = new IncomingMessage(socket);
  Object.assign(request.headers, headers);
  return request;
}

it.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '::ffff:203.0.113.9'],
  ['2001:db8::1', '2001:db8::1'],
  ['127.0.0.1', undefined],
  ['::1', undefined],
  ['10.1.2.3', undefined],
  ['::ffff:192.168.0.1', undefined],
  ['172.31.0.1', undefined],
  ['fd00::1', undefined],
  [undefined, undefined],
])('a socket from %s is of the client %s', (remote, address) => {
  expect(directAddress(requestFrom(remote))).toBe(address);
});

it.each(['x-forwarded-for', 'forwarded', 'x-real-ip', 'cf-connecting-ip', 'via'])(
  'a client that reaches the server directly does not escape its limit by a header %s',
  (header) => {
    expect(directAddress(requestFrom('203.0.113.9', { [header]: '198.51.100.1' }))).toBe('203.0.113.9');
  },
);

it.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:0DB8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['whatever the application says', 'whatever the application says'],
])('%s is of the network %s', (address, network) => {
  expect(clientNetwork(address)).toBe(network);
});
