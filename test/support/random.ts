export { seededRandom as mulberry32 } from '../../src/testing/seeded-random.ts';
