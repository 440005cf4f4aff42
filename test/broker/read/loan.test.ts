import { describe, expect, it } from 'vitest';
import { Lent, Loan } from '../../../lib/broker/read/loan.ts';

class Book extends Lent {
  releases = 0;

  protected override release(): void {
    this.releases += 1;
  }
}

describe('what is lent', () => {
  it('goes when it is let go of, where nobody reads it', () => {
    const book = new Book();
    book.letGo();
    expect(book.releases).toBe(1);
  });

  it('stays as long as it is kept', () => {
    const [book, loan] = [new Book(), new Loan()];
    book.lend(loan);
    loan.end();
    expect(book.releases).toBe(0);
  });

  it('goes with its last reader, once', () => {
    const [book, first, second] = [new Book(), new Loan(), new Loan()];
    book.lend(first);
    book.lend(second);
    book.lend(second);
    first.end();
    book.letGo();
    expect(book.releases).toBe(0);
    second.end();
    expect(book.releases).toBe(1);
    first.end();
    second.end();
    expect(book.releases).toBe(1);
  });

  it('never goes where somebody may look at it for ever', () => {
    const [book, loan] = [new Book(), new Loan()];
    book.lend(undefined);
    book.lend(loan);
    book.letGo();
    loan.end();
    expect(book.releases).toBe(0);
  });
});
