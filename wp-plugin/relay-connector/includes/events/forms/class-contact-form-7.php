<?php
/**
 * Contact Form 7.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Entry;
use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Plain_Text;

defined( 'ABSPATH' ) || exit;

/**
 * It stores no entries and fires for every outcome. An entry counts if the form was accepted, even if the form's own
 * e-mail failed.
 */
final class Contact_Form_7 extends Form_Plugin {

	const ACCEPTED = array( 'mail_sent', 'mail_failed' );

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'contact-form-7';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'Contact Form 7';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return class_exists( '\WPCF7_ContactForm', false );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'wpcf7_submit', array( $this, 'on_submit' ), 20, 2 );
	}

	/**
	 * A form was submitted, with any outcome.
	 *
	 * @param \WPCF7_ContactForm $form   The form.
	 * @param array              $result With contact_form_id, status, message, posted_data_hash.
	 */
	public function on_submit( $form = null, $result = array() ) {
		$this->record_entry(
			function () use ( $form, $result ) {
				$submission = \WPCF7_Submission::get_instance();
				$status     = isset( $result['status'] ) ? $result['status'] : '';
				// A form with "do_not_store" must not be stored in the outbox either.
				if ( ! $submission || ! in_array( $status, self::ACCEPTED, true ) || $submission->get_meta( 'do_not_store' ) ) {
					return null;
				}
				$entry           = new Form_Entry( $form->id(), $form->title() );
				$entry->page_url = (string) $submission->get_meta( 'url' );
				$posted          = (array) $submission->get_posted_data();
				$choices         = $this->choices_of( $form );
				foreach ( $this->fields_of( $form ) as $name => $field ) {
					if ( array_key_exists( $name, $posted ) ) {
						$field->value    = isset( $choices[ $name ] ) ? $this->with_texts( $posted[ $name ], $choices[ $name ] ) : $posted[ $name ];
						$entry->fields[] = $field;
					}
				}
				return $entry;
			}
		);
	}

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	public function forms() {
		$titles = array();
		$forms  = \WPCF7_ContactForm::find(
			array(
				'posts_per_page' => self::MOST_FORMS,
				'order'          => 'DESC',
			)
		);
		foreach ( $forms as $form ) {
			$titles[ $form->id() ] = $form->title();
		}
		return $titles;
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		$form = \WPCF7_ContactForm::get_instance( $form_id );
		return $form ? array_values( $this->fields_of( $form ) ) : array();
	}

	/**
	 * The fields of a form by name. Values are as typed (WPCF7_Submission::setup_posted_data() in includes/submission.php).
	 * Of several form-tags with the same name, the plugin reads the first one.
	 *
	 * @param \WPCF7_ContactForm $form The form.
	 * @return Form_Field[]
	 */
	private function fields_of( $form ) {
		$fields = array();
		foreach ( $form->scan_form_tags() as $tag ) {
			$name = (string) $tag->name;
			if ( '' !== $name && ! isset( $fields[ $name ] ) ) {
				$fields[ $name ]              = new Form_Field( $name, $name, $tag->type );
				$fields[ $name ]->kind        = $this->kind( $tag );
				// Its files are deleted after its e-mail (WPCF7_Submission::remove_uploaded_files() in includes/submission.php).
				$fields[ $name ]->has_address = 'file' !== rtrim( $tag->type, '*' );
				$fields[ $name ]->is_inverted = Field_Types::is_consent( $tag->type ) && $tag->has_option( 'invert' );
			}
		}
		return $fields;
	}

	/**
	 * The choices of a form as its author wrote them, by name. The plugin returns these, even if the browser posted the text
	 * that they are shown as: "R&amp;D" for "R&D" (WPCF7_Pipes::do_pipe() in includes/pipe.php).
	 *
	 * @param \WPCF7_ContactForm $form The form.
	 * @return array[]
	 */
	private function choices_of( $form ) {
		$choices = array();
		foreach ( $form->scan_form_tags() as $tag ) {
			foreach ( '' === (string) $tag->name ? array() : (array) $tag->raw_values as $raw ) {
				$pipe                    = strpos( $raw, '|' );
				$choices[ $tag->name ][] = trim( false === $pipe ? $raw : substr( $raw, $pipe + 1 ) );
			}
		}
		return $choices;
	}

	/**
	 * The values with the texts of the form's own choices decoded. What a visitor typed stays as it is.
	 *
	 * @param mixed    $value   The value.
	 * @param string[] $choices The form's choices.
	 * @return mixed
	 */
	private function with_texts( $value, array $choices ) {
		if ( is_array( $value ) ) {
			foreach ( $value as $key => $one ) {
				$value[ $key ] = $this->with_texts( $one, $choices );
			}
			return $value;
		}
		foreach ( $choices as $choice ) {
			// Text that was typed beside the choice follows a space.
			if ( '' !== $choice && 0 === strpos( $value . ' ', $choice . ' ' ) ) {
				return Plain_Text::of( $choice, Plain_Text::TITLE ) . substr( $value, strlen( $choice ) );
			}
		}
		return $value;
	}

	/**
	 * The kind of a field. The author of a form can say what a text is for, as in [text your-name autocomplete:name]
	 * (WPCF7_FormTag::get_autocomplete_option() in includes/form-tag.php).
	 *
	 * @param \WPCF7_FormTag $tag The form-tag.
	 * @return string
	 */
	private function kind( $tag ) {
		$kind = Field_Types::kind( $tag->type, $tag->name );
		if ( Field_Types::CHOICE === $kind && $tag->has_option( 'multiple' ) ) {
			return Field_Types::CHOICES;
		}
		if ( Field_Types::CHOICES === $kind && $tag->has_option( 'exclusive' ) ) {
			return Field_Types::CHOICE;
		}
		if ( 'text' === rtrim( $tag->type, '*' ) ) {
			foreach ( preg_grep( '/^autocomplete:/i', (array) $tag->options ) as $option ) {
				foreach ( explode( '|', strtolower( substr( $option, strlen( 'autocomplete:' ) ) ) ) as $token ) {
					$kind = isset( Field_Types::AUTOCOMPLETE[ $token ] ) ? Field_Types::AUTOCOMPLETE[ $token ] : $kind;
				}
			}
		}
		return $kind;
	}
}
