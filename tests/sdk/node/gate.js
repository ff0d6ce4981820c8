// Clients of the gates that run.py started. Without it there is nothing to test against.

import OpenAI from 'openai';

export const MODEL = 'gpt-4o';
export const user = (text) => [{ role: 'user', content: text }];

// Nothing here takes long; a test that hangs must not wait for the SDK's own 600 seconds.
export const client = clientFor('SDK_TEST_KEY');

export function clientFor(keyVariable, settings = {}) {
  return new OpenAI({
    baseURL: process.env.SDK_TEST_URL,
    apiKey: process.env[keyVariable],
    timeout: 20_000,
    maxRetries: 0,
    ...settings,
  });
}

// A gate before the strict provider, with a model for each way of thinking.
export const thinkers = clientFor('SDK_TEST_THINKERS_KEY', { baseURL: process.env.SDK_TEST_THINKERS_URL });

// Missing where there is no embedded model. A cold one on a busy machine takes a while.
export const sandbox =
  process.env.SDK_TEST_SANDBOX_URL &&
  clientFor('SDK_TEST_SANDBOX_KEY', { baseURL: process.env.SDK_TEST_SANDBOX_URL, timeout: 120_000 });

export async function all(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

export const textOf = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
