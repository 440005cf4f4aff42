import { describe, expect, it } from 'vitest';
import { PageCache } from '../../../lib/broker/ledger/page-cache.ts';
import { cacheLimits } from '../../../lib/kernel/limits/caches.ts';
import { encodePage, type Page, pageKey } from '../../../lib/log/ledger/page.ts';
import { makeStores } from '../../support/broker.ts';
import { InterceptedMetadata } from '../../support/intercepted-stores.ts';
import { LEDGER } from '../../support/ledger-arbitraries.ts';

const pageOf = (sequence: number): Page => ({
  sequence,
  epoch: 0,
  bases: Array<number>(16).fill(sequence),
  maxTimestamps: Array<number>(16).fill(-1),
  commits: [],
});

async function makePages(...sequences: number[]) {
  const metadata = new InterceptedMetadata(makeStores().metadata);
  for (const sequence of sequences) {
    await metadata.write([{ kind: 'put', key: pageKey(LEDGER, sequence), attributes: encodePage(pageOf(sequence)) }]);
  }
  metadata.forget();
  return { metadata, pages: new PageCache({ metadata }) };
}

describe('PageCache', () => {
  it('reads a page once, at half the price', async () => {
    const { metadata, pages } = await makePages(3);
    expect(await pages.get(LEDGER, 3)).toEqual(pageOf(3));
    expect(await pages.get(LEDGER, 3)).toEqual(pageOf(3));
    expect(metadata.calls).toEqual(['get page#000000000003 eventual']);
  });

  it('reads again strongly where an eventually consistent read finds nothing', async () => {
    const { metadata, pages } = await makePages(3);
    metadata.onGet = (proceed, _, consistency) => (consistency === 'eventual' ? undefined : proceed());
    expect(await pages.get(LEDGER, 3)).toEqual(pageOf(3));
    expect(metadata.count('get')).toBe(2);
  });

  it('does not keep a miss, which is a fault that may pass', async () => {
    const { metadata, pages } = await makePages(3);
    metadata.onGet = () => undefined;
    await expect(pages.get(LEDGER, 3)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
    metadata.onGet = undefined;
    expect(await pages.get(LEDGER, 3)).toEqual(pageOf(3));
  });

  it('keeps what it is given, of each ledger by itself', async () => {
    const { metadata, pages } = await makePages(3);
    const other = { ...LEDGER, index: 1 };
    pages.keep(other, pageOf(3));
    expect(await pages.get(other, 3)).toEqual(pageOf(3));
    expect(metadata.calls).toEqual([]);
    await pages.get(LEDGER, 3);
    expect(metadata.count('get')).toBe(1);
  });

  it('is bounded', async () => {
    const { metadata, pages } = await makePages(0);
    pages.keep(LEDGER, pageOf(0));
    for (let sequence = 1; sequence <= cacheLimits.pageCacheEntries; sequence++) pages.keep(LEDGER, pageOf(sequence));
    await pages.get(LEDGER, 0);
    expect(metadata.count('get')).toBe(1);
  });
});

describe('a walk through pages', () => {
  async function sequencesOf(walk: AsyncIterable<Page>): Promise<number[]> {
    const sequences: number[] = [];
    for await (const { sequence } of walk) sequences.push(sequence);
    return sequences;
  }

  const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

  async function makeWalk(...sequences: number[]) {
    const { metadata, pages } = await makePages(...sequences);
    const limitsAsked: number[] = [];
    metadata.onQuery = (proceed, { limit }) => {
      limitsAsked.push(limit);
      return proceed();
    };
    return { metadata, pages, limitsAsked };
  }

  it('asks for few at first, for many after, and for none that is known', async () => {
    const { metadata, pages, limitsAsked } = await makeWalk(...numbers(0, 120));
    expect(await sequencesOf(pages.walk(LEDGER, { from: 1, to: 119 }))).toEqual(numbers(1, 119));
    expect(limitsAsked).toEqual([
      cacheLimits.pagesWalkedFirst,
      cacheLimits.pagesWalkedPerQuery,
      cacheLimits.pagesWalkedPerQuery,
    ]);
    expect(await sequencesOf(pages.walk(LEDGER, { from: 1, to: 119 }))).toEqual(numbers(1, 119));
    expect(limitsAsked).toHaveLength(3);
    expect(metadata.calls).toEqual([]);
  });

  it('reads by itself what the query does not see yet', async () => {
    const { metadata, pages } = await makeWalk(...numbers(0, 3));
    const last = pageKey(LEDGER, 2).sk;
    metadata.onQuery = async (proceed) => ({ items: (await proceed()).items.filter(({ key }) => key.sk !== last) });
    expect(await sequencesOf(pages.walk(LEDGER, { from: 0, to: 3 }))).toEqual(numbers(0, 3));
    expect(metadata.count('get')).toBe(1);
  });

  it('fails where a page is not there', async () => {
    const { pages } = await makeWalk(0, 2);
    const walk = sequencesOf(pages.walk(LEDGER, { from: 0, to: 3 }));
    await expect(walk).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
  });

  it('does not look into what is not wanted', async () => {
    const { metadata, pages } = await makeWalk(0);
    await metadata.write([{ kind: 'put', key: pageKey(LEDGER, 1), attributes: { broken: true } }]);
    for await (const { sequence } of pages.walk(LEDGER, { from: 0, to: 2 })) {
      expect(sequence).toBe(0);
      break;
    }
    await expect(sequencesOf(pages.walk(LEDGER, { from: 0, to: 2 }))).rejects.toThrow('page');
  });
});
