"""An actor and a critic learn to balance a pole on a cart; gradients by torch, updates by Keras."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers, ops


class CartPole:
    def reset(self, seed=None):
        self.random = np.random.default_rng(seed) if seed is not None else self.random
        self.state, self.steps = self.random.uniform(-0.05, 0.05, 4), 0
        return self.state.astype("float32")

    def step(self, action):
        x, x_dot, theta, theta_dot = self.state
        temp = ((10.0 if action == 1 else -10.0) + 0.05 * theta_dot**2 * np.sin(theta)) / 1.1
        acceleration = (9.8 * np.sin(theta) - np.cos(theta) * temp) / (0.5 * (4 / 3 - 0.1 * np.cos(theta) ** 2 / 1.1))
        x_acceleration = temp - 0.05 * acceleration * np.cos(theta) / 1.1
        self.state += 0.02 * np.array([x_dot, x_acceleration, theta_dot, acceleration])
        self.steps += 1
        done = bool(abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.21 or self.steps >= 100)
        return self.state.astype("float32"), 1.0, done


def discounted_cumulative_sums(x, discount):
    sums, total = np.zeros_like(x), 0.0
    for i in range(len(x))[::-1]:
        sums[i] = total = x[i] + discount * total
    return sums


def logprobabilities(logits, a):
    return ops.sum(ops.one_hot(a, num_actions) * ops.log_softmax(logits), axis=1)


keras.utils.set_random_seed(17)
steps_per_epoch, epochs, gamma, lam, clip_ratio, train_iterations = 500, 5, 0.99, 0.95, 0.2, 10
env, num_actions = CartPole(), 2
observation_input = keras.Input(shape=(4,), dtype="float32")
hidden = layers.Dense(32, activation="tanh")(observation_input)
actor = keras.Model(inputs=observation_input, outputs=layers.Dense(num_actions)(hidden))
value = layers.Dense(1)(layers.Dense(32, activation="tanh")(observation_input))
critic = keras.Model(inputs=observation_input, outputs=ops.squeeze(value, axis=1))
policy_optimizer, value_optimizer = keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.02)
seed_generator = keras.random.SeedGenerator(1337)


def sample_action(observation):
    logits = ops.stop_gradient(actor(observation))
    return logits, ops.squeeze(keras.random.categorical(logits, 1, seed=seed_generator), axis=1)


def apply(optimizer, model, loss):
    model.zero_grad()
    loss.backward()
    optimizer.apply([v.value.grad for v in model.trainable_weights], model.trainable_weights)


def train_policy(observations, actions, old_logprobabilities, advantages):
    ratio = ops.exp(logprobabilities(actor(observations), actions) - old_logprobabilities)
    clipped = ops.where(advantages > 0, (1 + clip_ratio) * advantages, (1 - clip_ratio) * advantages)
    apply(policy_optimizer, actor, -ops.mean(ops.minimum(ratio * advantages, clipped)))
    return float(ops.mean(old_logprobabilities - logprobabilities(actor(observations), actions)))


observation, episode_return, mean_returns = env.reset(seed=0), 0, []
for epoch in range(epochs):
    observations, actions, rewards, logps, advantages, returns, sums, start = [], [], [], [], [], [], [], 0
    for t in range(steps_per_epoch):
        logits, action = sample_action(ops.convert_to_tensor(observation.reshape(1, -1)))
        observations.append(observation)
        logps.append(ops.convert_to_numpy(logprobabilities(logits, action))[0])
        actions.append(int(action[0]))
        observation, reward, done = env.step(actions[-1])
        rewards.append(reward)
        episode_return += reward
        if done or t == steps_per_epoch - 1:
            last_value = 0.0 if done else float(critic(observation.reshape(1, -1))[0])
            values = np.append(ops.convert_to_numpy(critic(np.stack(observations[start:]))), last_value)
            episode_rewards = np.append(rewards[start:], last_value)
            deltas = episode_rewards[:-1] + gamma * values[1:] - values[:-1]
            advantages.extend(discounted_cumulative_sums(deltas, gamma * lam))
            returns.extend(discounted_cumulative_sums(episode_rewards, gamma)[:-1])
            sums.append(episode_return)
            start, observation, episode_return = t + 1, env.reset(), 0
    advantages = ops.convert_to_tensor(advantages, dtype="float32")
    advantages = (advantages - ops.mean(advantages)) / ops.std(advantages)
    buffer = [ops.convert_to_tensor(np.stack(part)) for part in (observations, actions, logps)]
    for _ in range(train_iterations):
        if train_policy(*buffer, advantages) > 1.5 * 0.02:
            break  # early stopping
    returns = ops.convert_to_tensor(returns, dtype="float32")
    for _ in range(train_iterations):
        apply(value_optimizer, critic, ops.mean((returns - critic(buffer[0])) ** 2))
    mean_returns.append(float(np.mean(sums)))
    print(f" Epoch: {epoch + 1}. Mean Return: {mean_returns[-1]}")
