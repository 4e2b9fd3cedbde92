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
  if (thrown instanceof PoolError) {
    return { category: thrown.category, message: thrown.message, hint: thrown.hint };
  }
  return { category: fallback, message: errorText(thrown), hint: '' };
}
