mkdir -p .git sub/.git
echo secret >.git/config
echo ref >sub/.git/HEAD
