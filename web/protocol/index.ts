export * from './frame';
export * from './limits';
export * from './messages';
export * from './outbox';
export * from './tensor';
export * from './values';
