/**
 * Reads chats: jsonl with a list `messages` of { role, content } in every line. A template makes each conversation a text;
 * the targets of training are the tokens of the assistant's answers and of the mark that ends them.
 */
import { InputError } from '../../errors';
import type { ChatTemplate } from '../runfile';

/** A piece of a conversation's text. Pieces are encoded one by one, as they are when a model answers. */
export interface Piece {
  readonly text: string;
  readonly isAnswer: boolean;
}

interface Message {
  readonly role: string;
  readonly content: string;
}

interface Template {
  /** Before the first message. */
  readonly begin: string;
  /** Before the content of a message. */
  readonly head: (role: string) => string;
  /** After the content; a part of the answer, so that a model learns to stop. */
  readonly end: string;
  readonly after: string;
}

const TEMPLATES: Readonly<Record<ChatTemplate, Template>> = {
  // Qwen, SmolLM and others: https://github.com/openai/openai-python/blob/release-v0.28.0/chatml.md
  chatml: { begin: '', head: (role) => `<|im_start|>${role}\n`, end: '<|im_end|>', after: '\n' },
  // https://www.llama.com/docs/model-cards-and-prompt-formats/meta-llama-3/
  llama3: {
    begin: '<|begin_of_text|>',
    head: (role) => `<|start_header_id|>${role}<|end_header_id|>\n\n`,
    end: '<|eot_id|>',
    after: '',
  },
  plain: { begin: '', head: (role) => `${role}: `, end: '\n', after: '' },
};

const ROLES = ['system', 'user', 'assistant', 'tool'];

/** The conversations in the text of a jsonl, each as its pieces. Throws InputError naming `name` and the line. */
export function readChats(name: string, template: ChatTemplate, text: string): readonly (readonly Piece[])[] {
  const lines = text.split('\n');
  const chats = lines.flatMap((line, i) =>
    line.trim() === '' ? [] : [piecesOf(messagesOf(`line ${i + 1} of ${name}`, line), TEMPLATES[template])],
  );
  if (chats.length === 0) throw new InputError(`${name} is empty; give a jsonl with messages in every line`);
  return chats;
}

function piecesOf(messages: readonly Message[], { begin, head, end, after }: Template): readonly Piece[] {
  const pieces: Piece[] = [];
  let asked = begin;
  for (const { role, content } of messages) {
    asked += head(role);
    if (role === 'assistant') {
      pieces.push({ text: asked, isAnswer: false }, { text: content + end, isAnswer: true });
      asked = after;
    } else asked += content + end + after;
  }
  return asked === '' ? pieces : [...pieces, { text: asked, isAnswer: false }];
}

function messagesOf(where: string, line: string): readonly Message[] {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new InputError(`${where} is not JSON`);
  }
  const messages = typeof value === 'object' && value !== null && 'messages' in value ? value.messages : undefined;
  if (!Array.isArray(messages) || messages.length === 0) {
    const keys = typeof value === 'object' && value !== null ? Object.keys(value).join(', ') : 'none';
    throw new InputError(`${where} has no list of messages, and data.chat reads chats; its fields are ${keys}`);
  }
  return messages.map((message: unknown, i) => {
    const { role, content } = { role: undefined, content: undefined, ...(message as object) };
    if (typeof role === 'string' && ROLES.includes(role) && typeof content === 'string') return { role, content };
    throw new InputError(
      `message ${i + 1} in ${where} must have a role (${ROLES.join(', ')}) and a text as content, and has ${JSON.stringify(role) ?? 'no role'} and ${typeof content === 'string' ? 'a text' : 'no text'}`,
    );
  });
}
