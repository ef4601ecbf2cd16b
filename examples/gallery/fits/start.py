from fastsgd import *
