// Failures that a caller can expect carry a category of the pool's stable list
// (include/webpool/error.h), the cause in one sentence and the next step for a person.

import type { ErrorCategory } from '../protocol/values';

export type { ErrorCategory };

export interface ErrorReport {
  category: ErrorCategory;
  message: string;
  hint: string;
}

export class PoolError extends Error implements ErrorReport {
  constructor(
    readonly category: ErrorCategory,
    message: string,
    readonly hint = '',
  ) {
    super(message);
    this.name = 'PoolError';
  }
}

/** What was thrown, in words; emscripten throws bare numbers for C++ exceptions. */
export function errorText(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message || thrown.name;
  if (typeof thrown === 'number') return `the WebAssembly module threw a C++ exception (${thrown})`;
  return String(thrown);
}

/** Any thrown value as a report; `fallback` is the category of what is not recognised. */
export function toReport(thrown: unknown, fallback: ErrorCategory = 'internal'): ErrorReport {
  // By its name: a chunk that was imported has a class of its own.
  if (thrown instanceof Error && thrown.name === 'PoolError') {
    const { category, message, hint } = thrown as PoolError;
    return { category, message, hint };
  }
  return { category: fallback, message: errorText(thrown), hint: '' };
}
