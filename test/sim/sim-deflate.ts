import { constants, deflateRawSync } from 'node:zlib';
import { SharedBody } from '../../src/infra/log/shared-body.ts';
import type { DeflateBody } from '../../src/infra/wire/deflate.ts';
import type { Clock } from '../../src/index.ts';
import type { Dice } from './dice.ts';
import type { Temper } from './sim-workers.ts';

/** The least that zlib takes: of its usual 256 KiB for each message, most of the time goes into the memory. Each client can read it. */
export const SMALL_WINDOW = { windowBits: 9, memLevel: 1, chunkSize: 2_048 };

/** zlib without its threads: it is ready when the dice say, and fails now and then. */
export function simDeflate(clock: Clock, dice: Dice, temper: Temper, note: (event: string) => void): DeflateBody {
  return (body, _windowBits, level) =>
    new Promise((resolve, reject) => {
      const delayMs = temper === 'failing' ? dice.pick([0, 20, 700, 4_000]) : dice.pick([0, 1, 5]);
      const hasFailed = temper === 'failing' && dice.chance(0.3);
      clock.setTimeout(() => {
        note(hasFailed ? 'compression fails' : 'compressed');
        if (hasFailed) return reject(new Error('zlib has no memory'));
        if (!body.isAlive) throw new Error('compressed from memory that was given back');
        const options = { ...SMALL_WINDOW, level, finishFlush: constants.Z_SYNC_FLUSH };
        return resolve(new SharedBody([new Uint8Array(deflateRawSync(Buffer.concat(body.chunks), options))]));
      }, delayMs);
    });
}
