"""What is measured on codes and reconstructions."""
