// of the packages of this benchmark: see bench/ai/package.json
import { validateUIMessages } from 'ai';

export const validate = (messages) => validateUIMessages({ messages });
