from fastsgd import *
import torch
from fastai.basics import *
from fastai.collab import *
import pandas as pd

rng = np.random.default_rng(0) # made-up ratings: 120 readers, 32 books of four genres
genres = np.repeat(['crime', 'romance', 'space', 'cookery'], 8)
books = [f'{genre} {k % 8 + 1}' for k, genre in enumerate(genres)]
taste, quality = rng.normal(0, 1, (120, 4)), rng.normal(0, 0.3, 32)
who, what = rng.integers(120, size=3000), rng.integers(32, size=3000)
stars = 3 + taste[who, what // 8] + quality[what] + rng.normal(0, 0.3, 3000)
ratings = pd.DataFrame({'reader': [f'reader {k}' for k in who], 'book': [books[k] for k in what],
                        'stars': np.clip(np.round(2 * stars) / 2, 0.5, 5).astype(np.float32)})
dls = CollabDataLoaders.from_df(ratings, user_name='reader', item_name='book', rating_name='stars', bs=64, seed=1)
set_seed(1)
