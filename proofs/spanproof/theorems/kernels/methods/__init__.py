"""What is proved of the methods of the implementation's span: each is a rule of the model."""
